//! A peer that says what is written, piece by piece, whatever it is told, and then hangs up.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Such a peer.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pieces: VecDeque<Vec<u8>>,
    heard: Heard,
}

/// What was said to a [`Script`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// All of it so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Script {
    /// Says one of `pieces` after the other. An empty one would be an end, and is left out.
    pub(crate) fn of(pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let pieces = pieces.into_iter().filter(|it| !it.is_empty()).collect();
        Self { pieces, heard: Heard::default() }
    }

    /// Says `text`, cut into pieces whose lengths `next` tells; 0 is everything that is left.
    pub(crate) fn cut(mut text: &[u8], mut next: impl FnMut() -> usize) -> Self {
        let mut pieces = Vec::new();
        while !text.is_empty() {
            let length = Some(next()).filter(|it| *it != 0).unwrap_or(text.len());
            let (piece, rest) = text.split_at(length.min(text.len()));
            pieces.push(piece.to_vec());
            text = rest;
        }
        Self::of(pieces)
    }

    /// What it will have been told.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone()
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.pieces.pop_front() {
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                self.pieces.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut heard = self.heard.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
