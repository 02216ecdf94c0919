//! The client half: the first line names the run or is empty; then lengths and bodies. Each
//! answer is one line of JSON, in order.

use std::collections::VecDeque;

use tailrace_contract::{Request, RunId, Wire, WireError, WireEvent};

pub(super) struct LengthsWire {
    run: Option<RunId>,
    in_flight: usize,
    waiting: VecDeque<u64>,
    /// An answer that has not ended.
    line: Vec<u8>,
}

impl LengthsWire {
    pub(super) fn new(run: Option<RunId>, in_flight: usize) -> Self {
        Self { run, in_flight, waiting: VecDeque::new(), line: Vec::new() }
    }

    fn answered(&mut self, events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        let line: serde_json::Value = serde_json::from_slice(&self.line)
            .map_err(|fault| WireError::new(format!("an answer is no JSON: {fault}")))?;
        self.line.clear();
        let key = self.waiting.pop_front().ok_or_else(|| WireError::new("nobody asked"))?;
        let status = line["status"].as_u64().unwrap_or(202) as u16;
        events.push(WireEvent::Answer { key, status });
        Ok(())
    }
}

impl Wire for LengthsWire {
    fn open(&mut self, out: &mut Vec<u8>) {
        let run = self.run.map(|run| run.to_string()).unwrap_or_default();
        out.extend_from_slice(format!("{run}\n").as_bytes());
    }

    fn room(&self) -> usize {
        self.in_flight - self.waiting.len()
    }

    fn encode(&mut self, request: &Request<'_>, key: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}:", request.body.len()).as_bytes());
        out.extend_from_slice(request.body);
        self.waiting.push_back(key);
    }

    fn decode(
        &mut self,
        input: &[u8],
        _out: &mut Vec<u8>,
        events: &mut Vec<WireEvent>,
    ) -> Result<(), WireError> {
        for &byte in input {
            if byte == b'\n' {
                self.answered(events)?;
            } else {
                self.line.push(byte);
            }
        }
        Ok(())
    }

    fn close(&mut self, _events: &mut Vec<WireEvent>) -> Result<(), WireError> {
        Ok(())
    }
}
