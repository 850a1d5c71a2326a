//! Hosts of a test's own: network namespaces at the end of links that can be cut.
//!
//! Each link is a pair of virtual interfaces with a network of its own out of 10.199.0.0/16. A
//! link is cut at its far end: cut at ours, our route would go with it, and the packets would
//! leave the machine by another one.

use std::{
    fs::{self, File, OpenOptions},
    net::Ipv4Addr,
    process::{Command, Output},
};

/// Links at once. Each has four addresses of 10.199.0.0/16 for itself, and [`INHABITANTS`] of
/// 100.64.0.0/10 for whatever lives at its far end.
const LINKS: u32 = 8_192;
/// Addresses behind one link.
const INHABITANTS: u32 = 512;

/// A host at the end of a link.
#[derive(Debug)]
pub struct Netns {
    name: String,
    /// The namespace at our end of the link; `None`: the machine itself.
    near: Option<String>,
    link: Link,
}

/// Two addresses, as long as the file is locked.
#[derive(Debug)]
struct Link {
    number: u32,
    _lock: File,
}

impl Link {
    /// Takes a number that no other test has. Locks end with their process, however it ends.
    fn take() -> Self {
        let folder = std::env::temp_dir().join("campanile-links");
        fs::create_dir_all(&folder).unwrap();
        let first = std::process::id() % LINKS;
        (0..LINKS)
            .map(|it| (first + it) % LINKS)
            .find_map(|number| {
                let path = folder.join(number.to_string());
                let lock = OpenOptions::new().create(true).append(true).open(path).ok()?;
                lock.try_lock().ok()?;
                Some(Self { number, _lock: lock })
            })
            .expect("a free link")
    }

    fn address(&self, host: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 199, 0, 0)) + self.number * 4 + host)
    }

    /// The network of those who live at its far end.
    fn inhabited(&self) -> u32 {
        u32::from(Ipv4Addr::new(100, 64, 0, 0)) + self.number * INHABITANTS
    }

    fn near(&self) -> Ipv4Addr {
        self.address(1)
    }

    fn far(&self) -> Ipv4Addr {
        self.address(2)
    }
}

impl Default for Netns {
    fn default() -> Self {
        Self::new()
    }
}

impl Netns {
    /// A host with a link to this machine.
    ///
    /// # Panics
    /// Without the right to make one.
    #[must_use]
    pub fn new() -> Self {
        Self::at_end_of_link(None)
    }

    /// A host that can only be reached through `router`.
    ///
    /// # Panics
    /// When it cannot be made, or when `router` itself is behind another one.
    #[must_use]
    pub fn behind(router: &Self) -> Self {
        assert!(router.near.is_none(), "only one router deep");
        let host = Self::at_end_of_link(Some(&router.name));
        router.run(&["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
        let (network, via) = (host.network(), router.address().to_string());
        ip(None, &["route", "replace", &network, "via", &via]);
        host
    }

    fn at_end_of_link(near: Option<&str>) -> Self {
        assert!(
            xtask::packages::is_root(),
            "this test needs network namespaces, and those need root: run it as root"
        );
        let link = Link::take();
        let name = format!("campanile-{}", link.number);
        // What a killed test has left behind under the same number.
        drop(Command::new("ip").args(["netns", "delete", &name]).output());
        let host = Self { name, near: near.map(str::to_owned), link };
        ip(None, &["netns", "add", &host.name]);
        let (ours, theirs) = (host.interface("a"), host.interface("b"));
        drop(Command::new("ip").args(["link", "delete", &ours]).output());
        let peer = ["peer", "name", &theirs, "netns", &host.name];
        let add: Vec<&str> =
            ["link", "add", &ours, "type", "veth"].into_iter().chain(peer).collect();
        ip(near, &add);
        ip(near, &["address", "add", &format!("{}/30", host.link.near()), "dev", &ours]);
        ip(near, &["link", "set", &ours, "up"]);
        let far = Some(host.name.as_str());
        ip(far, &["address", "add", &format!("{}/30", host.link.far()), "dev", &theirs]);
        ip(far, &["link", "set", "lo", "up"]);
        host.mend();
        host
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.link.far()
    }

    /// Gives it `count` more addresses, as if so many hosts lived there, and this machine the way
    /// to them.
    ///
    /// # Panics
    /// When there are too many of them, or when it is itself behind another one.
    #[must_use]
    pub fn inhabit(&self, count: u32) -> Vec<Ipv4Addr> {
        assert!(self.near.is_none() && count < INHABITANTS, "{count} behind one link");
        let first = self.link.inhabited();
        let all: Vec<Ipv4Addr> = (1..=count).map(|it| Ipv4Addr::from(first + it)).collect();
        all.iter().for_each(|it| self.arrives(*it));
        let prefix = 32 - INHABITANTS.trailing_zeros();
        let network = format!("{}/{prefix}", Ipv4Addr::from(first));
        ip(None, &["route", "replace", &network, "via", &self.address().to_string()]);
        all
    }

    /// One of those who live there falls silent.
    pub fn leaves(&self, address: Ipv4Addr) {
        ip(Some(&self.name), &["address", "delete", &format!("{address}/32"), "dev", "lo"]);
    }

    /// It is there again.
    pub fn arrives(&self, address: Ipv4Addr) {
        ip(Some(&self.name), &["address", "add", &format!("{address}/32"), "dev", "lo"]);
    }

    /// The name of its namespace, for `ip netns exec`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs inside.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs a command inside.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, words: &[&str]) -> Output {
        let mut command = self.command(words[0]);
        checked(command.args(&words[1..]))
    }

    /// Cuts the link: packets are lost, nobody says so.
    pub fn cut(&self) {
        ip(Some(&self.name), &["link", "set", &self.interface("b"), "down"]);
    }

    /// Mends the link.
    pub fn mend(&self) {
        let far = Some(self.name.as_str());
        ip(far, &["link", "set", &self.interface("b"), "up"]);
        ip(far, &["route", "replace", "default", "via", &self.link.near().to_string()]);
    }

    /// `a` is our end of the link, `b` its own.
    fn interface(&self, end: &str) -> String {
        format!("camp{}{end}", self.link.number)
    }

    fn network(&self) -> String {
        format!("{}/30", self.link.address(0))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if self.near.is_some() {
            drop(Command::new("ip").args(["route", "delete", &self.network()]).output());
        }
        // Our end of the link goes with the other one.
        drop(Command::new("ip").args(["netns", "delete", &self.name]).output());
        let ours = self.interface("a");
        if self.near.is_none() {
            drop(Command::new("ip").args(["link", "delete", &ours]).output());
        }
    }
}

/// Runs `ip`, in a namespace or outside.
fn ip(namespace: Option<&str>, words: &[&str]) -> Output {
    let mut command = Command::new("ip");
    if let Some(namespace) = namespace {
        command.args(["-n", namespace]);
    }
    checked(command.args(words))
}

fn checked(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(host: &Netns) -> bool {
        pings(host.address())
    }

    fn pings(address: Ipv4Addr) -> bool {
        let mut ping = Command::new("ping");
        ping.args(["-q", "-n", "-c", "1", "-W", "1", &address.to_string()]);
        ping.output().unwrap().status.success()
    }

    #[test]
    fn many_live_at_the_end_of_a_link() {
        let site = Netns::new();
        let all = site.inhabit(3);
        assert!(all.iter().all(|it| pings(*it)));
        site.leaves(all[1]);
        assert_eq!(all.iter().map(|it| pings(*it)).collect::<Vec<_>>(), [true, false, true]);
        site.cut();
        assert!(!pings(all[0]));
    }

    #[test]
    fn a_link_can_be_cut_and_mended() {
        let host = Netns::new();
        assert!(answers(&host));
        host.cut();
        assert!(!answers(&host));
        host.mend();
        crate::until("the link", || if answers(&host) { Ok(()) } else { Err("cut".to_owned()) });
    }

    #[test]
    fn a_host_behind_a_router_goes_with_it() {
        let router = Netns::new();
        let host = Netns::behind(&router);
        assert!(answers(&host));
        router.cut();
        assert!(!answers(&host));
        assert!(!answers(&router));
    }
}
