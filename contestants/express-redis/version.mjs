// Says what would serve: the versions that are installed, not those that were asked for.

import { readFileSync } from "node:fs";

const installed = (name) => {
  const file = new URL(`./node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${JSON.parse(readFileSync(file, "utf8")).version}`;
};
console.log([installed("express"), installed("redis"), `Node.js ${process.versions.node}`].join(", "));
