//! A page fetched over HTTP: just enough of a client for our own pages and Prometheus' API.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context, Result, bail};

use crate::LIMIT;

/// Metrics in the stricter of the two formats, as Prometheus asks for them, and anything else.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1";

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status code.
    pub code: u16,
    /// Names in small letters.
    pub headers: BTreeMap<String, String>,
    /// What it holds.
    pub body: String,
}

impl Page {
    /// Fetches `path`.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn get(at: SocketAddr, path: &str) -> Result<Self> {
        Self::ask(at, "GET", path)
    }

    /// Sends a request without a body.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn ask(at: SocketAddr, method: &str, path: &str) -> Result<Self> {
        Self::send(at, method, path, &[("Accept", ACCEPT)], "")
    }

    /// Sends a request with `headers` of its own and a body.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn send(
        at: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Self> {
        let mut stream = TcpStream::connect_timeout(&at, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let length = body.len();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Length: \
             {length}\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Self::parse(&answer)
    }

    fn parse(answer: &[u8]) -> Result<Self> {
        let end = answer
            .windows(4)
            .position(|it| it == b"\r\n\r\n")
            .context("the connection was closed before the headers ended")?;
        let head = std::str::from_utf8(&answer[..end])?;
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        let code = status.split(' ').nth(1).context("no status code")?.parse()?;
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let rest = &answer[end + 4..];
        let body = match headers.get("transfer-encoding").map(String::as_str) {
            Some("chunked") => unchunk(rest)?,
            _ => whole(rest, headers.get("content-length"))?,
        };
        Ok(Self { code, headers, body: String::from_utf8(body)? })
    }
}

fn whole(body: &[u8], length: Option<&String>) -> Result<Vec<u8>> {
    match length {
        Some(length) if length.parse::<usize>()? != body.len() => {
            bail!("{} bytes instead of {length}", body.len())
        }
        _ => Ok(body.to_vec()),
    }
}

fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n").context("a chunk without a size")?;
        let size = std::str::from_utf8(&rest[..end])?.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16)?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(body);
        }
        body.extend(rest.get(..size).context("a chunk was cut off")?);
        rest = rest.get(size + 2..).context("a chunk without an end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_cut_answers_refused() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let page = Page::parse(format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_bytes());
        assert_eq!(page.unwrap().body, "abcde");
        assert!(Page::parse(format!("{head}3\r\nabc\r\n2\r\nd").as_bytes()).is_err());
        assert!(Page::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").is_err());
        assert!(Page::parse(b"HTTP/1.1 200 OK\r\n").is_err());
    }
}
