//! A client that says whatever it is told to.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Far longer than anything here takes; a test that hangs ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fails where something never ends.
pub(super) async fn within<F: Future>(it: F) -> F::Output {
    timeout(PATIENCE, it).await.expect("it ends in time")
}

/// A client of a mail server.
pub(super) struct Client<S = TcpStream> {
    stream: BufReader<S>,
}

impl Client {
    /// From this address of the loopback.
    pub(super) async fn connect(to: SocketAddr, from: [u8; 4]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        Self::new(within(socket.connect(to)).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(super) fn into_stream(self) -> S {
        assert!(self.stream.buffer().is_empty(), "everything was read");
        self.stream.into_inner()
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
        within(self.stream.flush()).await.unwrap();
    }

    /// Sends as much as the server takes; it may have cut the line.
    pub(super) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within(self.stream.write_all(bytes.as_ref())).await.is_ok()
            && within(self.stream.flush()).await.is_ok()
    }

    /// One answer, its lines divided by `\n`.
    pub(super) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            let bytes = within(self.stream.read_line(&mut line)).await.unwrap();
            assert!(bytes > 0, "the server has ended after {reply:?}");
            assert!(line.ends_with("\r\n"), "{line:?}");
            let is_last = line.as_bytes()[3] == b' ';
            reply.push_str(line.trim_end());
            if is_last {
                return reply;
            }
            reply.push('\n');
        }
    }

    /// Says one line and reads the answer.
    pub(super) async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// Says one line and checks how the answer begins.
    pub(super) async fn expect(&mut self, line: &str, begin: &str) {
        let reply = self.say(line).await;
        assert!(reply.starts_with(begin), "{line:?}: {reply:?}, not {begin:?}");
    }

    pub(super) async fn address(&mut self, recipients: &[&str]) {
        self.expect("EHLO nas.acme.example", "250").await;
        self.expect("MAIL FROM:<nas@acme.example>", "250 2.1.0").await;
        for recipient in recipients {
            self.expect(&format!("RCPT TO:<{recipient}@in.msp.example>"), "250 2.1.5").await;
        }
    }

    /// Sends a text, behind the envelope; what the server says to it.
    pub(super) async fn text(&mut self, text: &str) -> String {
        self.expect("DATA", "354").await;
        self.send(format!("{text}\r\n.\r\n")).await;
        self.reply().await
    }

    /// A whole mail of so many bytes without its end; what the server says to it.
    pub(super) async fn mail(&mut self, recipient: &str, bytes: usize) -> String {
        self.expect("MAIL FROM:<nas@acme.example>", "250").await;
        self.expect(&format!("RCPT TO:<{recipient}@in.msp.example>"), "250").await;
        self.text(&lines_of(bytes)).await
    }

    /// Reads to the end, which has to come.
    pub(super) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A server that closes with something unread resets the line; that is an end, too.
        within(self.stream.read_to_end(&mut rest)).await.ok();
        String::from_utf8(rest).unwrap()
    }
}

/// Lines of text of so many bytes together, without the last end of line.
pub(super) fn lines_of(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    while text.len() + 80 < bytes {
        text.push_str(&"x".repeat(78));
        text.push_str("\r\n");
    }
    text.push_str(&"y".repeat(bytes - text.len()));
    text
}
