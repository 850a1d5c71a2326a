//! The sign of life: it leaves while all gets on, and only then.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
};

use tests::{Door, Engine, Manner, Receiver, Sandbox, until};

use crate::estate::{URGENT, checks, config};

/// Somebody else who keeps the database to himself.
struct Lock(Child);

impl Lock {
    fn of(sandbox: &Sandbox) -> Self {
        let file = std::fs::read_dir(sandbox.path().join("data")).unwrap();
        let mut files = file.map(|it| it.unwrap().path());
        let file = files.find(|it| it.extension().is_some_and(|it| it == "db")).unwrap();
        let mut child = Command::new("sqlite3")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.as_mut().unwrap();
        input.write_all(b".timeout 30000\nBEGIN IMMEDIATE;\n").unwrap();
        input.flush().unwrap();
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // It ends at the end of its input, and its lock with it.
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

fn beats(receiver: &Receiver) -> usize {
    receiver.taken().iter().filter(|it| it.kind() == "heartbeat").count()
}

fn gets_on(engine: &Engine, part: &str) -> f64 {
    engine.metrics().sum("campanile_progress", &[("part", part)])
}

#[test]
fn the_sign_of_life_stops_with_the_commits_and_not_with_a_receiver() {
    let (receiver, pulse) = (Receiver::new(), Receiver::new());
    receiver.behave(Manner::Answer(500));
    let config = config(&receiver, URGENT)
        .replace("own: { policy", "heartbeat: { channel: beat, every: 5s }, own: { policy")
        .replace(
            "channels:\n",
            &format!("channels:\n  beat: {{ type: webhook, url: \"{}\" }}\n", pulse.url("beat")),
        );
    let mut door = Door::new();
    let engine = Engine::start(&config, &[("acme", &checks(&[("door", &door)]))]);
    engine.wait_for_hard("acme/-/door", 0);
    door.close();
    until("a receiver that refuses again and again", || {
        let tries = receiver.all().len();
        if tries >= 3 { Ok(()) } else { Err(tries.to_string()) }
    });
    let before = beats(&pulse);
    until("signs of life all the same", || {
        let now = beats(&pulse);
        if now >= before + 3 { Ok(()) } else { Err(now.to_string()) }
    });
    for part in ["timetable", "commits", "outbox"] {
        assert_eq!(gets_on(&engine, part), 1.0, "{part}: a receiver's fault is not ours");
    }

    let lock = Lock::of(&engine.sandbox());
    engine.wait_for("a store that cannot be written to", |it| {
        it.sum("campanile_store_stalled_since_timestamp_seconds", &[]) > 0.0
    });
    let before = beats(&pulse);
    engine.wait_for("that to be seen", |it| {
        it.sum("campanile_progress", &[("part", "commits")]) == 0.0
    });
    // One may have been kept, and not yet sent, when the lock came.
    assert!(beats(&pulse) <= before + 1, "signs of life while nothing was kept");
    drop(lock);
    until("signs of life again", || {
        let now = beats(&pulse);
        if now >= before + 3 { Ok(()) } else { Err(now.to_string()) }
    });
    assert_eq!(gets_on(&engine, "commits"), 1.0);
}
