// What the console asks its server. Addresses are relative: the secret stands in the path.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  // Before a stream that broke is opened again.
  const AGAIN_MS = 1000;

  async function ask(method, path, body) {
    const request = { method, headers: {} };
    if (body !== undefined) {
      request.headers["content-type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    let answer;
    try {
      answer = await fetch(path, request);
    } catch {
      throw new Error("The console does not answer: was `tailrace console` stopped?");
    }
    const text = await answer.text();
    const value = text && answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
    if (!answer.ok) throw new Error((value && value.detail) || text || "refused with " + answer.status);
    return value;
  }

  // Calls `told({ stand, fresh, lines })` for ever, goes on where it was after a break, and says
  // through `linked(false)` that it is one.
  function follow(told, linked) {
    let number = 0;
    let from = 0;
    function open() {
      const stream = new EventSource("api/progress?number=" + number + "&from=" + from);
      stream.onopen = () => linked(true);
      stream.onmessage = (event) => {
        const news = JSON.parse(event.data);
        if (news.stand.number) number = news.stand.number;
        from = news.from;
        told(news);
      };
      stream.onerror = () => {
        stream.close();
        linked(false);
        setTimeout(open, AGAIN_MS);
      };
    }
    open();
  }

  Tailrace.api = {
    questions: () => ask("GET", "api/questions"),
    plan: (order) => ask("POST", "api/plan", order),
    start: (order) => ask("POST", "api/run", order),
    demos: () => ask("GET", "api/demos"),
    play: (scenario, phase_s) => ask("POST", "api/demo", { scenario, phase_s }),
    stop: () => ask("DELETE", "api/run"),
    follow,
  };
})();
