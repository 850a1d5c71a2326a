//! A connection, in the clear or over TLS: what has come and was not read yet, and what is to go.

use std::{io, mem};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// Bytes that are read at once.
pub(super) const CHUNK_BYTES: usize = 16 << 10;

/// Something to speak over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    begin: usize,
    output: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, input: Vec::new(), begin: 0, output: Vec::new() }
    }

    /// What has come and was not read yet.
    pub(super) fn input(&self) -> &[u8] {
        &self.input[self.begin..]
    }

    /// The first `bytes` of it have been read.
    pub(super) fn read(&mut self, bytes: usize) {
        self.begin = (self.begin + bytes).min(self.input.len());
        if self.begin == self.input.len() {
            self.input.clear();
            self.begin = 0;
        }
    }

    /// Waits for more, but never for more than a chunk of it. How many bytes came; 0: the peer has
    /// ended. Nothing is lost if it is dropped before its end.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        if self.begin > 0 {
            self.input.drain(..self.begin);
            self.begin = 0;
        }
        self.input.reserve(CHUNK_BYTES);
        let mut part = (&mut self.stream).take(CHUNK_BYTES as u64);
        part.read_buf(&mut self.input).await
    }

    /// Where answers are put; they go with the next [`Self::flush`].
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends all answers.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let output = mem::take(&mut self.output);
        if output.is_empty() {
            return Ok(());
        }
        self.stream.write_all(&output).await?;
        self.stream.flush().await
    }

    /// Goes on with TLS. What came in the clear is not carried over.
    pub(super) async fn secure(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let stream = acceptor.accept(self.stream).await?;
        Ok(Self::new(Box::new(stream)))
    }

    /// Says that nothing more will come, and reads what the peer still sends until it ends or has
    /// sent so many bytes: to close before that would take the last answer away from it.
    pub(super) async fn farewell(&mut self, bytes_max: usize) {
        let mut left = bytes_max;
        if self.flush().await.is_err() || self.stream.shutdown().await.is_err() {
            return;
        }
        loop {
            self.input.clear();
            self.begin = 0;
            match self.fill().await {
                Ok(bytes) if bytes > 0 && bytes < left => left -= bytes,
                _ => return,
            }
        }
    }
}
