//! Servers that misbehave on purpose, one script each.

use std::{future::Future, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::spawn_local,
};

/// Serves every connection by `script`, for as long as the test runs.
pub(super) async fn serve<F, S>(script: S) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
    S: Fn(TcpStream) -> F + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(script(stream));
        }
    });
    address
}

/// Says `words` at once and then waits for the other end to close.
pub(super) async fn banner(words: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        if stream.write_all(words).await.is_ok() {
            wait_for_close(&mut stream).await;
        }
    })
    .await
}

/// Reads a request of HTTP, answers with `words`, and closes.
pub(super) async fn answer(words: impl Into<Vec<u8>>) -> SocketAddr {
    let words = words.into();
    serve(move |mut stream| {
        let words = words.clone();
        async move {
            read_request(&mut stream).await;
            if stream.write_all(&words).await.is_ok() && stream.shutdown().await.is_ok() {
                wait_for_close(&mut stream).await;
            }
        }
    })
    .await
}

/// Reads a request, and then cuts the connection.
pub(super) async fn reset() -> SocketAddr {
    serve(|mut stream| async move {
        let mut block = [0; 1];
        // Whether something comes or not: what follows is a cut.
        if stream.read(&mut block).await.is_ok() {
            stream.set_zero_linger().unwrap();
        }
    })
    .await
}

/// Cuts the connection as soon as it stands.
pub(super) async fn reset_at_once() -> SocketAddr {
    serve(|stream| async move { stream.set_zero_linger().unwrap() }).await
}

/// Accepts, and never says a word.
pub(super) async fn silent() -> SocketAddr {
    serve(|mut stream| async move { wait_for_close(&mut stream).await }).await
}

/// Reads a request, says `first`, and then `again` without end.
pub(super) async fn endless(first: &'static [u8], again: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        read_request(&mut stream).await;
        if stream.write_all(first).await.is_ok() {
            while stream.write_all(again).await.is_ok() {}
        }
    })
    .await
}

/// A port on which nobody listens, for as long as the socket lives.
pub(super) fn closed_port() -> (socket2::Socket, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, port)
}

/// A port whose queue is full: what comes is dropped, as a firewall would.
pub(super) fn full_port() -> (socket2::Socket, std::net::TcpStream, u16) {
    let (socket, port) = closed_port();
    socket.listen(0).unwrap();
    let first = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    (socket, first, port)
}

/// Reads until the empty line that ends the head of a request.
pub(super) async fn read_request(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let mut block = [0; 1024];
    while !heard.windows(4).any(|it| it == b"\r\n\r\n") {
        match stream.read(&mut block).await {
            Ok(count) if count > 0 => heard.extend_from_slice(&block[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// Reads whatever comes first.
pub(super) async fn read_some(stream: &mut TcpStream) {
    let mut block = vec![0; 16 << 10];
    assert!(stream.read(&mut block).await.is_ok_and(|count| count > 0));
}

/// Reads and forgets until the other end is gone.
pub(super) async fn wait_for_close(stream: &mut TcpStream) {
    let mut block = [0; 1024];
    while stream.read(&mut block).await.is_ok_and(|count| count > 0) {}
}
