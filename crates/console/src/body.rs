//! A text that is sent while it is being written.
//!
//! The writer runs on a thread for blocking work and hands over pieces through a short queue; when
//! the reader is slow, the writer waits. So the whole text is never in memory, and a scrape of a
//! large plan holds up nothing but itself.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::{runtime::Handle, sync::mpsc, time::timeout};

/// A piece is sent once it has this many bytes.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// Room beyond that for the write that crosses the line.
const PIECE_SLACK_BYTES: usize = 1 << 10;

/// Pieces that may wait for the reader.
const PIECES_WAITING_MAX: usize = 4;

/// A reader that takes nothing for this long is given up.
const READER_STALL_MAX: Duration = Duration::from_secs(30);

enum Piece {
    Text(Bytes),
    /// All was sent. Without it the text is not whole.
    End,
}

/// The writing end.
pub(crate) struct PieceWriter {
    buffer: BytesMut,
    pieces: mpsc::Sender<Piece>,
    runtime: Handle,
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Pieces(mpsc::Receiver<Piece>);

/// The writer broke off; whoever reads must not take what it has for the whole.
#[derive(Debug)]
pub(crate) struct BrokenOff;

/// Both ends. To be called inside a runtime.
pub(crate) fn pieces() -> (PieceWriter, Pieces) {
    let (pieces, waiting) = mpsc::channel(PIECES_WAITING_MAX);
    let buffer = BytesMut::with_capacity(PIECE_BYTES + PIECE_SLACK_BYTES);
    (PieceWriter { buffer, pieces, runtime: Handle::current() }, Pieces(waiting))
}

impl PieceWriter {
    /// Sends what is left. A writer that is dropped without this has broken off.
    pub(crate) fn finish(mut self) -> fmt::Result {
        if !self.buffer.is_empty() {
            self.send_buffer()?;
        }
        self.send(Piece::End)
    }

    fn send_buffer(&mut self) -> fmt::Result {
        let text = self.buffer.split().freeze();
        self.buffer.reserve(PIECE_BYTES + PIECE_SLACK_BYTES);
        self.send(Piece::Text(text))
    }

    fn send(&self, piece: Piece) -> fmt::Result {
        let sent = self.runtime.block_on(timeout(READER_STALL_MAX, self.pieces.send(piece)));
        match sent {
            Ok(Ok(())) => Ok(()),
            // The reader is gone, or might as well be.
            Ok(Err(_)) | Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Write for PieceWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.buffer.extend_from_slice(text.as_bytes());
        if self.buffer.len() >= PIECE_BYTES { self.send_buffer() } else { Ok(()) }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, BrokenOff>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        self.0.poll_recv(context).map(|piece| match piece {
            Some(Piece::Text(text)) => Some(Ok(text)),
            Some(Piece::End) => None,
            None => Some(Err(BrokenOff)),
        })
    }
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text broke off")
    }
}

impl std::error::Error for BrokenOff {}
