//! What the engine has committed, read from outside with SQLite's own tool.

use std::process::Command;

use serde_json::Value;

use crate::Sandbox;

/// One believed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `OK` to `UNKNOWN`, `UP`, `DOWN`, `UNREACHABLE`.
    pub status: &'static str,
    /// Hard, or soft?
    pub hard: bool,
    /// Which attempt it was.
    pub attempt: u64,
    /// The word for the cause; empty when all is well.
    pub cause: String,
}

/// Statuses in the order of the numbers under which they are stored.
const STATUSES: [&str; 7] = ["OK", "WARNING", "CRITICAL", "UNKNOWN", "UP", "DOWN", "UNREACHABLE"];

impl Sandbox {
    /// Every change of `name`, oldest first.
    ///
    /// # Panics
    /// When the database cannot be read.
    #[must_use]
    pub fn changes(&self, name: &str) -> Vec<Change> {
        let rows = self.sql(&format!(
            "SELECT to_status, to_hard, to_attempt, coalesce(cause_code, '') AS cause \
             FROM transition JOIN checkable ON checkable.id = transition.checkable \
             WHERE name = '{}' ORDER BY at, boot, shard, seq",
            name.replace('\'', "''")
        ));
        rows.iter().map(change).collect()
    }

    /// The rows that a query finds in the engine's database, running or not.
    ///
    /// # Panics
    /// When the database cannot be read.
    #[must_use]
    pub fn sql(&self, query: &str) -> Vec<Value> {
        let output = Command::new("sqlite3")
            .args(["-readonly", "-json", "-cmd", ".timeout 10000"])
            .arg(self.path().join("data/campanile.db"))
            .arg(query)
            .output()
            .unwrap();
        assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        if output.stdout.is_empty() {
            return Vec::new();
        }
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn change(row: &Value) -> Change {
    let status = usize::try_from(row["to_status"].as_u64().unwrap()).unwrap();
    Change {
        status: STATUSES[status],
        hard: row["to_hard"] == 1,
        attempt: row["to_attempt"].as_u64().unwrap(),
        cause: row["cause"].as_str().unwrap().to_owned(),
    }
}
