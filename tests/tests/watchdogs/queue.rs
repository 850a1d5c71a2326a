//! A real mail server in between: what it has taken from a program is in its queue until we have
//! it, however long we are away or have no room.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use tests::{Api, Engine, Page, Postfix, Sandbox, free_port, until};

use crate::estate::{
    DOMAINS, address, checks, config, mail, now, ping, reports, slots, swaks, talk, wait_for_slot,
};

const JOB: &str = "acme/script";
const JOBS: &str = "  script: { ok: subject has \"well\" }\n  beat: { ping: yes }\n";

/// An intake for each way, and a postfix that hands on by both of them.
struct Ways {
    sandbox: Arc<Sandbox>,
    postfix: Postfix,
}

impl Ways {
    fn build() -> Self {
        let [smtp, lmtp] = [free_port(), free_port()];
        let inlet = format!(
            "  smtp: {{ listen: \"127.0.0.1:{smtp}\" }}\n  lmtp: {{ listen: \"127.0.0.1:{lmtp}\" }}\n"
        );
        let sandbox = Arc::new(Sandbox::new());
        sandbox.write("config.yaml", &config(&inlet));
        sandbox.write("checks/acme.yaml", &checks(JOBS));
        let by_smtp = format!("smtp:[127.0.0.1]:{smtp}");
        let by_lmtp = format!("lmtp:inet:[127.0.0.1]:{lmtp}");
        let postfix = Postfix::handing_on(&[(DOMAINS[0], &by_smtp), (DOMAINS[1], &by_lmtp)]);
        Self { sandbox, postfix }
    }

    fn start(&self) -> Engine {
        Engine::start_in(Arc::clone(&self.sandbox))
    }

    /// The secret address, for each way.
    fn addresses(&self, api: &Api) -> [String; 2] {
        let by_smtp = address(api, JOB);
        let by_lmtp = by_smtp.replace(DOMAINS[0], DOMAINS[1]);
        [by_smtp, by_lmtp]
    }

    /// Gives postfix a mail, which it has to take.
    fn give(&self, to: &str, id: &str) {
        let file = self.sandbox.write("mail.eml", &mail(to, id, "it went well", now()));
        let sent = swaks(self.postfix.port(), to, &file, &[]);
        assert!(sent.status.success(), "{}\n{}", talk(&sent), self.postfix.log());
    }

    fn wait_for_queue(&self, count: usize) {
        until(&format!("{count} mails in the queue"), || {
            let queued = self.postfix.queued();
            if queued == count { Ok(()) } else { Err(format!("{queued}\n{}", self.postfix.log())) }
        });
    }
}

/// Waits until so many reports count, each of them once.
fn wait_for_reports(api: &Api, count: usize) {
    until(&format!("{count} reports"), || {
        let heard = reports(api, JOB);
        if heard.len() >= count { Ok(()) } else { Err(format!("{heard:#?}")) }
    });
    let heard = reports(api, JOB);
    assert_eq!(heard.len(), count, "{heard:#?}");
    assert!(heard.iter().all(|it| it["class"] == "counted"), "{heard:#?}");
    let slot = wait_for_slot(api, JOB, "kept");
    assert_eq!(slot["entries"].as_array().unwrap().len(), count, "{slot:#}");
}

#[test]
fn what_postfix_has_taken_while_we_are_away_comes_once_we_are_back() {
    let ways = Ways::build();
    let engine = ways.start();
    let api = engine.api();
    let [by_smtp, by_lmtp] = ways.addresses(&api);
    ways.give(&by_smtp, "smtp-1");
    ways.give(&by_lmtp, "lmtp-1");
    wait_for_reports(&api, 2);
    ways.wait_for_queue(0);
    let by: Vec<_> = reports(&api, JOB).iter().map(|it| it["intake"].clone()).collect();
    assert!(by.contains(&"smtp".into()) && by.contains(&"lmtp".into()), "{by:?}");

    drop(engine.kill9());
    for number in 2..=4 {
        ways.give(&by_smtp, &format!("smtp-{number}"));
        ways.give(&by_lmtp, &format!("lmtp-{number}"));
    }
    until("both ways to be refused", || {
        let refused = ways.postfix.log().matches("Connection refused").count();
        if refused >= 2 { Ok(()) } else { Err(ways.postfix.log()) }
    });
    ways.wait_for_queue(6);
    let engine = ways.start();
    let api = engine.api();
    wait_for_reports(&api, 8);
    ways.wait_for_queue(0);
}

#[test]
fn with_a_disk_that_is_almost_full_mails_stay_where_they_are() {
    let ways = Ways::build();
    let disk = SmallDisk::over(ways.sandbox.path().join("data"));
    let engine = ways.start();
    let api = engine.api();
    let [by_smtp, by_lmtp] = ways.addresses(&api);
    ways.give(&by_smtp, "smtp-1");
    wait_for_reports(&api, 1);
    disk.fill();
    // It looks how full the disk is once in a while.
    let path = ping(&api, "acme/beat");
    until("a ping that is not taken", || match Page::get(engine.address(), &path).unwrap().code {
        503 => Ok(()),
        code => Err(code.to_string()),
    });
    ways.give(&by_smtp, "smtp-2");
    ways.give(&by_lmtp, "lmtp-1");
    until("both ways to be told that there is no room", || {
        let told = ways.postfix.log().matches("452 4.3.1").count();
        if told >= 2 { Ok(()) } else { Err(ways.postfix.log()) }
    });
    ways.wait_for_queue(2);
    assert_eq!(reports(&api, JOB).len(), 1);
    disk.free();
    wait_for_reports(&api, 3);
    ways.wait_for_queue(0);
    assert_eq!(slots(&api, JOB).len(), 1);
}

/// A disk of so many MiB, over a folder: a little more than the engine wants to have free.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    const SIZE: &'static str = "size=320m";
    /// What is left is too little.
    const FILLED: &'static str = "100M";

    fn over(at: PathBuf) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", Self::SIZE, "tmpfs"]).arg(&at);
        assert!(mount.status().unwrap().success(), "only root may mount a disk");
        Self { at }
    }

    fn fill(&self) {
        let mut fill = Command::new("fallocate");
        fill.args(["-l", Self::FILLED]).arg(self.at.join("filler"));
        assert!(fill.status().unwrap().success());
    }

    fn free(&self) {
        std::fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has a file open does not keep it.
        let mut umount = Command::new("umount");
        drop(umount.arg("-l").arg(&self.at).stderr(Stdio::null()).status());
    }
}
