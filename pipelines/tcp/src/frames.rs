//! A frame is its length (four bytes, the most significant first) and that many bytes. The
//! server reads frames by counting them down. Read next: `server.rs`.

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Frames {
    /// The bytes of a length that have come, and how many they are.
    length: [u8; 4],
    length_bytes: usize,
    left: usize,
}

/// A frame that is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) usize);

impl Frames {
    /// Takes all of `input`; calls `complete` with the length of each frame that ended in it.
    pub(crate) fn read(
        &mut self,
        mut input: &[u8],
        bytes_max: usize,
        mut complete: impl FnMut(u32),
    ) -> Result<(), TooLong> {
        while !input.is_empty() {
            if self.length_bytes < 4 {
                self.read_length(&mut input, bytes_max)?;
            }
            if self.length_bytes == 4 {
                let taken = self.left.min(input.len());
                self.left -= taken;
                input = &input[taken..];
                if self.left == 0 {
                    self.length_bytes = 0;
                    complete(u32::from_be_bytes(self.length));
                }
            }
        }
        Ok(())
    }

    fn read_length(&mut self, input: &mut &[u8], bytes_max: usize) -> Result<(), TooLong> {
        let taken = input.len().min(4 - self.length_bytes);
        let (bytes, rest) = input.split_at(taken);
        self.length[self.length_bytes..][..taken].copy_from_slice(bytes);
        self.length_bytes += taken;
        *input = rest;
        if self.length_bytes == 4 {
            self.left = u32::from_be_bytes(self.length) as usize;
            if self.left > bytes_max {
                return Err(TooLong(self.left));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_they_must_however_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        for length in [3_u32, 0, 5, 0] {
            bytes.extend(length.to_be_bytes());
            bytes.extend(vec![b'x'; length as usize]);
        }
        for size in 1..=bytes.len() {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                frames.read(piece, 5, |length| seen.push(length)).unwrap();
            }
            assert_eq!(seen, [3, 0, 5, 0], "pieces of {size}");
        }
        assert_eq!(Frames::default().read(&[0, 0, 0, 6], 5, |_| {}), Err(TooLong(6)));
    }
}
