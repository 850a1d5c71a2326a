//! A connection, in the clear or under TLS, that keeps count of what it reads.
//!
//! The count is the last line against a target that never stops talking: whatever the layers above
//! allow (endless interim answers, trailers, control frames), no look reads more than its budget.
//! What went wrong below is kept aside too, since the layers above tend to swallow it.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use model::CauseCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{client::TlsStream, rustls};

use super::{connect, errno};

/// What went wrong on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The far end closed it, in order or not.
    Closed,
    /// More came than the budget allows.
    TooMuch,
    /// TLS broke after the handshake.
    Tls,
    /// Anything else, as the operating system said it.
    Other(CauseCode),
}

/// Read by whoever gave the stream away.
pub(crate) type FaultCell = Rc<Cell<Option<Fault>>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    wire: Wire,
    read_left: u64,
    fault: FaultCell,
}

#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// The connection below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl Stream {
    /// A stream over `wire` that fails once more than `read_max` bytes were read.
    pub(crate) fn new(wire: Wire, read_max: u64) -> Self {
        Self { wire, read_left: read_max, fault: FaultCell::default() }
    }

    /// Where the first fault will be written.
    pub(crate) fn fault(&self) -> FaultCell {
        Rc::clone(&self.fault)
    }

    /// See [`connect::close_abruptly`].
    pub(crate) fn close_abruptly(&self) {
        connect::close_abruptly(self.wire.tcp());
    }

    fn note(&self, fault: Fault) {
        if self.fault.get().is_none() {
            self.fault.set(Some(fault));
        }
    }

    fn note_error<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &result {
            self.note(fault_of(error));
        }
        result
    }
}

fn fault_of(error: &io::Error) -> Fault {
    if error.get_ref().is_some_and(|it| it.is::<rustls::Error>()) {
        return Fault::Tls;
    }
    match errno::code_of(error) {
        CauseCode::Closed => Fault::Closed,
        code => Fault::Other(code),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_left == 0 {
            self.note(Fault::TooMuch);
            return Poll::Ready(Err(io::Error::other("more was sent than a look reads")));
        }
        let before = buf.filled().len();
        let result = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        if let Poll::Ready(Ok(())) = &result {
            let came = buf.filled().len() - before;
            if came == 0 && buf.remaining() > 0 {
                self.note(Fault::Closed);
            }
            self.read_left = self.read_left.saturating_sub(came as u64);
        }
        self.note_error(result)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A refused write is not noted: the reason, if the far end gave one, is still to be read.
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
