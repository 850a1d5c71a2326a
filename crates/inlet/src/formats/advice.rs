//! Why a run goes wrong, as far as the line that says so tells, and what to do about it.
//!
//! Only the line in which a product gives its reason is looked at, never a whole log: there, words
//! like these stand in good runs, too.

/// A known cause of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// No room at the destination or on the source.
    DiskFull,
    /// Someone or something has stopped the run.
    Cancelled,
    /// A tape, disk or other medium has to be put in.
    Media,
    /// Wrong password, or no right to do it.
    Denied,
    /// The licence does not cover it.
    Licence,
    /// The machine to be saved, or the agent on it, is away.
    Offline,
    /// The snapshot of the source could not be made.
    Snapshot,
    /// The repository or another server cannot be reached.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// What was saved is damaged.
    Damaged,
    /// A file or volume is held by somebody else.
    InUse,
    /// Nothing was saved at all.
    NothingSaved,
    /// It did not run at its time.
    Missed,
}

struct Known {
    cause: Cause,
    word: &'static str,
    /// Folded; one of them in the line is enough.
    signs: &'static [&'static str],
    advice: &'static str,
}

/// The more telling first: a snapshot that fails because the disk is full is a full disk.
const KNOWN: [Known; 13] = [
    Known {
        cause: Cause::DiskFull,
        word: "disk-full",
        signs: &[
            "not enough space",
            "not enough free space",
            "not enough disk space",
            "not enough storage",
            "insufficient disk space",
            "insufficient space",
            "insufficient storage",
            "insufficient free",
            "disk full",
            "disk is full",
            "volume is full",
            "storage is full",
            "no space left",
            "out of space",
            "out of disk",
            "low disk space",
            "free space is low",
            "free disk space is low",
            "quota exceeded",
            "exceeded its quota",
            "exceeded its backup quota",
            "exceeded the quota",
            "0x80070070",
            "spazio insufficiente",
            "spazio su disco insufficiente",
            "spazio esaurito",
            "spazio libero insufficiente",
            "disco pieno",
            "quota superata",
            "nicht genug speicher",
            "nicht genügend speicher",
            "nicht genügend freier speicher",
            "speicherplatz reicht",
            "speicher voll",
            "datenträger voll",
            "ikke nok plads",
            "ikke nok diskplads",
            "disken er fuld",
            "espacio insuficiente",
            "espacio en disco insuficiente",
            "disco lleno",
            "espace insuffisant",
            "espace disque insuffisant",
            "disque plein",
        ],
        advice: "Free space at the destination or extend it, check that retention deletes old \
                 restore points, then run the job again.",
    },
    Known {
        cause: Cause::Media,
        word: "media",
        signs: &[
            "insert media",
            "insert a tape",
            "insert the",
            "load media",
            "media request",
            "no media",
            "media is not",
            "media needed",
            "medium needed",
            "media required",
            "no tape",
            "no appendable",
            "no writable media",
            "waiting for tape",
            "tape is not",
            "tape drive is not",
            "intervention needed",
            "removable disk is not",
            "external device is not",
            "external disk is not",
            "inserire",
            "nessun supporto",
            "disco esterno non",
            "medium einlegen",
            "datenträger einlegen",
            "kein band",
            "externes gerät ist nicht",
            "inserte",
            "insérer",
        ],
        advice: "Put in the medium that the job asks for, or connect the external disk, then let \
                 the job go on or run it again.",
    },
    Known {
        cause: Cause::Denied,
        word: "access-denied",
        signs: &[
            "access denied",
            "access is denied",
            "access was denied",
            "permission denied",
            "not authorized",
            "unauthorized",
            "authentication failed",
            "authentication failure",
            "authentication error",
            "authorization failed",
            "login failed",
            "logon failure",
            "user name or password",
            "username or password",
            "invalid credentials",
            "wrong credentials",
            "wrong password",
            "incorrect password",
            "invalid password",
            "0x80070005",
            "0x8007052e",
            "accesso negato",
            "autorizzazione negata",
            "permesso negato",
            "autenticazione non riuscita",
            "credenziali non valide",
            "password errata",
            "nome utente o password",
            "zugriff verweigert",
            "zugriff wurde verweigert",
            "keine berechtigung",
            "anmeldung fehlgeschlagen",
            "authentifizierung fehlgeschlagen",
            "benutzername oder kennwort",
            "adgang nægtet",
            "manglende rettigheder",
            "login mislykkedes",
            "acceso denegado",
            "error de autenticación",
            "accès refusé",
            "échec de l'authentification",
        ],
        advice: "Check the account that the job uses at source and destination: password expired \
                 or changed, account locked, rights taken away. Enter it anew and test it.",
    },
    Known {
        cause: Cause::Licence,
        word: "licence",
        signs: &[
            "license expired",
            "license has expired",
            "licence expired",
            "license is exceeded",
            "license limit",
            "license exceeded",
            "no license",
            "no valid license",
            "have a valid microsoft 365 license",
            "licenza scaduta",
            "licenza non valida",
            "lizenz abgelaufen",
            "keine lizenz",
            "licens er udløbet",
            "licencia caducada",
            "licence expirée",
        ],
        advice: "Renew or extend the licence of the product, then run the job again.",
    },
    Known {
        cause: Cause::Offline,
        word: "offline",
        signs: &[
            "agent is offline",
            "agent offline",
            "agent is not responding",
            "agent is not running",
            "agent unreachable",
            "device is offline",
            "device offline",
            "machine is offline",
            "machine offline",
            "host is offline",
            "host offline",
            "client is offline",
            "computer is offline",
            "is powered off",
            "server is offline",
            "device is disconnected",
            "device was disconnected",
            "dispositivo offline",
            "dispositivo è offline",
            "dispositivo non è connesso",
            "agente non risponde",
            "agente offline",
            "macchina offline",
            "gerät ist offline",
            "gerät offline",
            "agent nicht erreichbar",
            "rechner ist offline",
            "enheden er offline",
            "equipo sin conexión",
            "hors ligne",
        ],
        advice: "See that the machine is switched on and in the network, and that the service of \
                 its backup agent runs, then run the job again.",
    },
    Known {
        cause: Cause::Cancelled,
        word: "cancelled",
        signs: &[
            "cancelled",
            "canceled",
            "cancellation",
            "aborted",
            "stopped by",
            "was stopped",
            "has been stopped",
            "terminated by user",
            "interrupted by user",
            "annullat",
            "interrott",
            "abgebrochen",
            "abbruch",
            "angehalten",
            "annulleret",
            "afbrudt",
            "cancelad",
            "anulad",
            "interrumpid",
            "annulé",
            "interrompu",
        ],
        advice: "Find out who or what stopped the run: a person, a window that was too short, a \
                 restart. Then run the job again.",
    },
    Known {
        cause: Cause::Snapshot,
        word: "snapshot",
        signs: &[
            "vss",
            "shadow copy",
            "shadow copies",
            "snapshot",
            "checkpoint",
            "quiesc",
            "fs-freeze",
            "copia shadow",
            "copie shadow",
            "istantanea",
            "schattenkopie",
            "momentaufnahme",
            "skyggekopi",
            "øjebliksbillede",
            "instantánea",
            "instantané",
            "cliché",
        ],
        advice: "On the machine that is saved, list the VSS writers (vssadmin list writers) or the \
                 snapshots of the VM, restart the service whose writer fails, remove snapshots \
                 left over, see that volumes have free space, then run the job again.",
    },
    Known {
        cause: Cause::TimedOut,
        word: "timeout",
        signs: &[
            "timed out",
            "timeout",
            "time-out",
            "time out",
            "tempo scaduto",
            "zeitüberschreitung",
            "zeitlimit",
            "tiempo de espera",
            "délai d'attente",
            "délai expiré",
        ],
        advice: "Check load and latency of source, network and destination at that hour; move the \
                 start or split the job if it runs into others.",
    },
    Known {
        cause: Cause::Unreachable,
        word: "unreachable",
        signs: &[
            "unreachable",
            "cannot connect",
            "can't connect",
            "could not connect",
            "failed to connect",
            "unable to connect",
            "connection refused",
            "connection reset",
            "connection lost",
            "connection failed",
            "connection was closed",
            "connection to the",
            "network path",
            "network name",
            "network error",
            "no route",
            "host not found",
            "could not resolve",
            "cannot resolve",
            "rpc server is unavailable",
            "is unavailable",
            "is not available",
            "not accessible",
            "inaccessible",
            "destination is offline",
            "is not online",
            "cannot find the path",
            "not mounted",
            "path not found",
            "non raggiungibile",
            "irraggiungibile",
            "impossibile connettersi",
            "connessione non riuscita",
            "connessione persa",
            "connessione interrotta",
            "errore di rete",
            "percorso di rete",
            "non è disponibile",
            "non accessibile",
            "nicht erreichbar",
            "keine verbindung",
            "verbindung fehlgeschlagen",
            "verbindung zum",
            "verbindung unterbrochen",
            "netzwerkpfad",
            "nicht verfügbar",
            "netzwerkfehler",
            "kan ikke oprette forbindelse",
            "ingen forbindelse",
            "ikke tilgængelig",
            "no se puede conectar",
            "error de red",
            "no disponible",
            "impossible de se connecter",
            "injoignable",
            "indisponible",
        ],
        advice: "Check that the repository or target is switched on and reachable from the backup \
                 server by name and port, and that its share is mounted, then run the job again.",
    },
    Known {
        cause: Cause::Damaged,
        word: "damaged",
        signs: &[
            "corrupt",
            "checksum",
            "crc error",
            "cyclic redundancy",
            "integrity",
            "damaged",
            "bad block",
            "i/o error",
            "danneggiat",
            "integrità",
            "beschädigt",
            "integrität",
            "defekt",
            "beskadiget",
            "dañad",
            "endommagé",
        ],
        advice: "Check the disks of the destination, verify the restore points, and start a new \
                 full backup into a new chain before anything old is deleted.",
    },
    Known {
        cause: Cause::InUse,
        word: "in-use",
        signs: &[
            "used by another process",
            "in use by",
            "is in use",
            "is locked",
            "file lock",
            "already running",
            "sharing violation",
            "being used",
            "utilizzato da un altro",
            "in uso",
            "bereits ausgeführt",
            "wird verwendet",
            "von einem anderen prozess",
            "i brug",
            "en uso",
            "en cours d'utilisation",
        ],
        advice: "Find the program or job that holds the file or volume, or let this job run at \
                 another time.",
    },
    Known {
        cause: Cause::NothingSaved,
        word: "nothing-saved",
        signs: &[
            "no files backed up",
            "nothing to back up",
            "nothing to backup",
            "nothing to process",
            "no objects",
            "no machines",
            "no vms",
            "no data",
            "0 of 0",
            "zero bytes",
            "nessun file",
            "nessun dato",
            "keine dateien",
            "keine daten",
            "ingen filer",
            "ningún archivo",
            "aucun fichier",
        ],
        advice: "Check what the job selects: folders or machines may have been renamed, moved or \
                 taken out, or a filter leaves nothing.",
    },
    Known {
        cause: Cause::Missed,
        word: "missed",
        signs: &[
            "missed",
            "did not run",
            "did not start",
            "was not started",
            "has not started",
            "not been backed up",
            "non è stato avviato",
            "non è partito",
            "wurde nicht gestartet",
            "verpasst",
            "blev ikke startet",
        ],
        advice: "See why the machine or the service was not there at the time of the job, then run \
                 it by hand and watch the next scheduled run.",
    },
];

impl Cause {
    /// The cause that the folded line tells.
    #[must_use]
    pub fn of(line: &str) -> Option<Self> {
        let tells = |it: &&Known| it.signs.iter().any(|sign| line.contains(sign));
        KNOWN.iter().find(tells).map(|it| it.cause)
    }

    /// The word for it in a signature.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.known().map_or("", |it| it.word)
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        self.known().map_or("", |it| it.advice)
    }

    fn known(self) -> Option<&'static Known> {
        KNOWN.iter().find(|it| it.cause == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold;

    #[test]
    fn causes_are_known_in_all_languages() {
        for (line, cause) in [
            ("There is not enough space on the disk.", Cause::DiskFull),
            ("Spazio insufficiente sulla destinazione", Cause::DiskFull),
            ("VSS: Insufficient disk space for the shadow copy", Cause::DiskFull),
            (
                "Failed to prepare guest for hot backup. Error: VSSControl: -2147467259",
                Cause::Snapshot,
            ),
            ("Der Netzwerkpfad wurde nicht gefunden: Zugriff verweigert", Cause::Denied),
            ("Das Sicherungsziel ist nicht erreichbar", Cause::Unreachable),
            ("Il dispositivo è offline", Cause::Offline),
            ("L\u{2019}agente non risponde", Cause::Offline),
            ("Timed out after 3600 s", Cause::TimedOut),
            ("Opgaven blev annulleret", Cause::Cancelled),
            ("Please insert media 003", Cause::Media),
            ("No files backed up", Cause::NothingSaved),
            ("Scheduled backup was missed", Cause::Missed),
        ] {
            assert_eq!(Cause::of(&fold(line)), Some(cause), "{line}");
        }
        assert_eq!(Cause::of("something went wrong"), None);
    }

    #[test]
    fn every_cause_has_a_word_of_its_own_and_an_advice() {
        let mut words: Vec<_> = KNOWN.iter().map(|it| it.cause.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), KNOWN.len());
        for known in &KNOWN {
            assert!(!known.cause.advice().is_empty());
            for sign in known.signs {
                assert_eq!(*sign, fold(sign), "signs are folded");
            }
        }
    }
}
