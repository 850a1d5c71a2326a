//! Agents for tests: net-snmp's own, and one that says whatever a test wants.

use std::{
    cell::RefCell,
    fs,
    future::Future,
    net::{SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::task::LocalSet;

use super::{
    message::{
        ErrorStatus, Identity, Operation, Response, Value, Version, decode_request, encode_request,
        encode_response, identify,
    },
    oid::Oid,
};

/// Longest wait for an agent to come up on a busy machine.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// The community by which a test learns that the agent is up; no test asks with it otherwise.
const READY: &str = "is-it-up";

/// Runs a test as a shard runs: on one thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test)
}

/// net-snmp's agent, with a folder of its own; stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Snmpd {
    child: Child,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Snmpd {
    pub(crate) fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..5 {
            let port = free_port();
            if let Some(child) = launch(&folder, port, config) {
                return Self { child, folder, port };
            }
        }
        panic!("snmpd does not start");
    }

    /// Stops it and starts it again on the same port, with all that it had written down.
    pub(crate) fn restart(&mut self, config: &str) {
        self.stop();
        self.child = launch(&self.folder, self.port, config).expect("its own port is free");
    }

    /// As if a new device had taken its place.
    pub(crate) fn replace(&mut self, config: &str) {
        self.stop();
        self.folder = tempfile::tempdir().unwrap();
        self.child = launch(&self.folder, self.port, config).expect("its own port is free");
    }

    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        // It may have been stopped already.
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `None` if it gives up, for example because another process was faster to take the port.
fn launch(folder: &TempDir, port: u16, config: &str) -> Option<Child> {
    let file = folder.path().join("snmpd.conf");
    fs::write(&file, format!("{config}\nrocommunity {READY}\n")).unwrap();
    let mut child = Command::new("/usr/sbin/snmpd")
        .args(["-f", "-LE", "0", "-C", "-c"])
        .arg(&file)
        .arg(format!("udp:127.0.0.1:{port}"))
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .env("MIBS", "")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("snmpd is installed");
    let start = Instant::now();
    while start.elapsed() < START_TIME_MAX {
        if answers(port) {
            return Some(child);
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("snmpd does not answer");
}

fn answers(port: u16) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let object = ".1.3.6.1.2.1.1.3.0".parse().unwrap();
    let request = (Operation::Get, 1);
    let bytes = encode_request(Version::V2c, READY.as_bytes(), request, &[object]);
    socket.send_to(&bytes, ("127.0.0.1", port)).is_ok() && socket.recv(&mut [0; 1_500]).is_ok()
}

/// A request, as an agent gets it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) version: Version,
    pub(crate) community: Vec<u8>,
    pub(crate) id: u32,
    /// Is it for what follows the objects?
    pub(crate) walks: bool,
    pub(crate) objects: Vec<Oid>,
}

impl Question {
    fn read(bytes: &[u8]) -> Self {
        let Ok(Identity::Community { version, community, id }) = identify(bytes) else {
            panic!("only versions 1 and 2c are asked here")
        };
        let (kind, objects) = decode_request(bytes).unwrap();
        Self { version, community: community.to_vec(), id, walks: kind != 0xa0, objects }
    }

    /// The answer that gives each object its value.
    pub(crate) fn answer(&self, value: impl Fn(&Oid) -> Value) -> Vec<u8> {
        self.answer_with(self.objects.iter().map(|it| (it.clone(), value(it))).collect())
    }

    /// The answer with these objects, whatever was asked.
    pub(crate) fn answer_with(&self, bindings: Vec<(Oid, Value)>) -> Vec<u8> {
        self.encode(&Response { status: ErrorStatus::NONE, index: 0, bindings })
    }

    /// The answer that is nothing but an error.
    pub(crate) fn refuse(&self, status: i32, index: usize) -> Vec<u8> {
        let bindings = self.objects.iter().map(|it| (it.clone(), Value::Null)).collect();
        self.encode(&Response { status: ErrorStatus(status), index, bindings })
    }

    fn encode(&self, response: &Response) -> Vec<u8> {
        encode_response(self.version, &self.community, self.id, response)
    }
}

/// What an agent does with a question.
#[derive(Debug)]
pub(crate) enum Act {
    /// Sends this.
    Send(Vec<u8>),
    /// Sends this from another port.
    SendFromElsewhere(Vec<u8>),
}

/// An agent that does what a test says, on the test's own thread.
#[derive(Debug)]
pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    asked: Rc<RefCell<Vec<Question>>>,
}

impl Liar {
    /// Must be called inside [`run`].
    pub(crate) fn new(mut act: impl FnMut(&Question) -> Vec<Act> + 'static) -> Self {
        let bind = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            tokio::net::UdpSocket::from_std(socket).unwrap()
        };
        let (socket, elsewhere) = (bind(), bind());
        let address = socket.local_addr().unwrap();
        let asked = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&asked);
        tokio::task::spawn_local(async move {
            let mut buffer = [0; 65_535];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = Question::read(&buffer[..length]);
                let acts = act(&question);
                seen.borrow_mut().push(question);
                for it in acts {
                    match it {
                        Act::Send(bytes) => socket.send_to(&bytes, from).await.unwrap(),
                        Act::SendFromElsewhere(bytes) => {
                            elsewhere.send_to(&bytes, from).await.unwrap()
                        }
                    };
                }
            }
        });
        Self { address, asked }
    }

    /// An agent that gives every object the number that it ends with.
    pub(crate) fn honest() -> Self {
        Self::new(|question| vec![Act::Send(question.answer(last_number))])
    }

    /// All that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Question> {
        self.asked.borrow().clone()
    }
}

/// The number that an object's name ends with.
pub(crate) fn last_number(object: &Oid) -> Value {
    Value::Integer(i64::from(*object.arcs().last().unwrap()))
}
