//! `ping`: does the host answer echo requests, how soon, and how many of them?
//!
//! Sends a few packets through the ring that all pings of a shard share. One answer is enough to be
//! fine: how many were lost and how long the others took are measurements, and thresholds judge
//! them. No answer at all is critical, unless silence can be explained by our own machine.

use std::{net::IpAddr, sync::Arc, time::Duration};

use model::{
    Cause, CauseCode, Form, KindSpec, Measure, MeasureSpec, ParamFault, ParamSpec, Params, Unit,
    Verdict,
};
use tokio::time::Instant;

use crate::{
    Ask, Found, Kind, World,
    terms::{self, counted, fault},
    wires::{
        connect,
        icmp::{Answer, Echoes, Packet, STAMP_BYTES, Shot},
        resolve::Family,
    },
};

/// Packets of one look when `packets` is not written: one lost packet is not yet silence, and even
/// a look every five seconds has time for three.
const PACKETS_DEFAULT: u16 = 3;
/// More packets than this are a measurement campaign, not a check.
const PACKETS_MAX: u16 = 100;
/// The payload of ping(8), with which 64 bytes of ICMP go out.
const SIZE_BYTES_DEFAULT: u16 = 56;
/// Fills an Ethernet frame: 1,500 bytes less the headers of IPv4 and ICMP.
const SIZE_BYTES_MAX: u16 = 1_472;
/// Time between packets when `gap` is not written: the shortest that ping(8) allows everybody.
const GAP_DEFAULT: Duration = Duration::from_millis(200);
/// A shorter gap is a flood.
const GAP_MIN: Duration = Duration::from_millis(10);

/// A check by ICMP echo.
#[derive(Debug)]
pub(crate) struct Ping {
    /// Instead of the host's address.
    address: Option<Arc<str>>,
    packets: u16,
    size_bytes: u16,
    gap: Duration,
    family: Family,
    hop_limit: Option<u8>,
}

/// Places in `measures` below.
const RTT: u8 = 0;
const RESOLVE: u8 = 1;
const SETUP: u8 = 2;
const LOSS: u8 = 3;
const RTT_MIN: u8 = 4;
const RTT_MAX: u8 = 5;
const JITTER: u8 = 6;
const HOP_LIMIT: u8 = 7;
const DNS: u8 = 8;
const IP_PROTOCOL: u8 = 9;
const IP_HASH: u8 = 10;

impl Kind for Ping {
    const SPEC: KindSpec = KindSpec {
        name: "ping",
        summary: "Sends ICMP echo requests and measures loss and round-trip time.",
        manual: "A few packets go out, spaced by `gap`; the look ends when all are answered or \
                 the time is up. One answer is enough to be fine: `rtt` and `loss` are for \
                 thresholds. No answer at all is critical, with the cause `unreachable` if a \
                 router said so and `timeout` if nobody said anything.\n\n\
                 Times are taken by the kernel when the answer arrives. An answer counts only if \
                 it carries the seal of its request and comes from the address that was asked; \
                 forged, foreign, late and doubled ones are counted apart.\n\n\
                 Pinging needs a right: `CAP_NET_RAW` for the program, or a group of its user in \
                 `net.ipv4.ping_group_range`. Without it the look is blind, as it is when our own \
                 machine could not send a packet or had to drop answers.",
        main_param: Some("address"),
        main_measure: "rtt",
        params: PARAMS,
        measures: MEASURES,
        causes: &[
            CauseCode::Timeout,
            CauseCode::Unreachable,
            CauseCode::NameNotFound,
            CauseCode::NameTimeout,
            CauseCode::NameFailure,
        ],
        asked_together: false,
        example: "line: { ping: { packets: 5 }, rtt: { warn: over 100ms, crit: over 500ms }, \
                  loss: { warn: over 20%, crit: over 60% } }",
    };

    fn build(params: &Params) -> Result<Self, Vec<ParamFault>> {
        let mut faults = Vec::new();
        let gap = params.duration("gap").unwrap_or(GAP_DEFAULT);
        if gap < GAP_MIN {
            faults.push(fault("gap", "is a flood", "leave at least 10ms between packets"));
        }
        let address = params.text("address").map(str::trim).filter(|it| !it.is_empty());
        if address.is_none() && params.get("address").is_some() {
            faults.push(fault("address", "is empty", "leave it out to ping the host's address"));
        }
        let number = |name, default: u16| {
            params.number(name).and_then(|it| u16::try_from(it).ok()).unwrap_or(default)
        };
        let built = Self {
            address: address.map(Arc::from),
            packets: number("packets", PACKETS_DEFAULT).clamp(1, PACKETS_MAX),
            size_bytes: number("size", SIZE_BYTES_DEFAULT)
                .clamp(STAMP_BYTES as u16, SIZE_BYTES_MAX),
            gap,
            family: terms::family(params),
            hop_limit: params.number("ttl").and_then(|it| u8::try_from(it).ok()),
        };
        if faults.is_empty() { Ok(built) } else { Err(faults) }
    }

    fn needs_host(&self) -> bool {
        self.address.is_none()
    }

    async fn look(&self, world: &World, ask: &Ask<'_>) -> Found {
        let Some(name) = self.address.as_ref().or(ask.target.address.as_ref()) else {
            return Cause::new(CauseCode::Internal, "no host and no `address`").into();
        };
        let resolved = match world.resolver.resolve(name, self.family, ask.deadline).await {
            Ok(resolved) => resolved,
            Err(cause) => return cause.into(),
        };
        let target = resolved.address.to_canonical();
        ask.trace.step(|| format!("resolved {name} to {target} in {:?}", resolved.took));
        let mut measures = vec![
            Measure::number(RESOLVE, resolved.took.as_secs_f64()),
            Measure::number(DNS, resolved.took.as_secs_f64()),
            Measure::number(IP_PROTOCOL, connect::ip_protocol(target)),
            Measure::number(IP_HASH, connect::ip_hash(target)),
        ];
        let started = Instant::now();
        let verdict = match world.icmp.ping(&self.shot(target, started, ask.deadline)).await {
            Err(cause) => cause.into(),
            Ok(echoes) => {
                let round = Round { target, started, deadline: ask.deadline, echoes };
                round.narrate(ask);
                round.measure(&mut measures);
                round.verdict()
            }
        };
        measures.sort_unstable_by_key(|it| it.index);
        Found { verdict, measures }
    }
}

impl Ping {
    /// The terms for the ring. The gap shrinks so that the last packet has half of the time left
    /// to be answered.
    fn shot(&self, target: IpAddr, now: Instant, deadline: Instant) -> Shot {
        let window = deadline.saturating_duration_since(now);
        let gaps = u32::from(self.packets.saturating_sub(1)).max(1);
        Shot {
            target,
            packets: self.packets,
            gap: self.gap.min(window / 2 / gaps),
            payload_bytes: self.size_bytes,
            hop_limit: self.hop_limit,
            deadline,
        }
    }
}

/// One look's packets, to be judged.
#[derive(Debug)]
struct Round {
    target: IpAddr,
    started: Instant,
    deadline: Instant,
    echoes: Echoes,
}

impl Round {
    fn packets(&self) -> &[Packet] {
        &self.echoes.progress.packets
    }

    fn answers(&self) -> impl Iterator<Item = Answer> {
        self.packets().iter().filter_map(|it| match it {
            Packet::Answered(answer) => Some(*answer),
            _ => None,
        })
    }

    fn count(&self, which: impl Fn(&Packet) -> bool) -> usize {
        self.packets().iter().filter(|it| which(it)).count()
    }

    /// One answer is life. For silence, first look for the fault at home.
    fn verdict(&self) -> Verdict {
        if self.answers().next().is_some() {
            return Verdict::OK;
        }
        let why = self.own_fault().or_else(|| self.obstacle());
        why.unwrap_or_else(|| self.silence()).into()
    }

    /// Why silence would prove nothing.
    fn own_fault(&self) -> Option<Cause> {
        if let Some(cause) = self.packets().iter().find_map(|it| match it {
            Packet::Unsent(cause) => Some(cause.clone()),
            _ => None,
        }) {
            return Some(cause);
        }
        let window = self.deadline.saturating_duration_since(self.started);
        if self.count(|it| *it == Packet::Queued) > 0 {
            let text = format!("our own machine had no room for a packet in {window:?}");
            return Some(Cause::new(CauseCode::Buffers, text));
        }
        if self.echoes.deaf && self.count(|it| *it == Packet::Sent) > 0 {
            let text = "our own machine dropped answers before we could read them";
            return Some(Cause::new(CauseCode::Buffers, text));
        }
        let setup = self.setup()?;
        (setup > window / 2 && self.obstacle().is_none()).then(|| {
            let text = format!("the first packet went out after {setup:?} of {window:?}");
            Cause::new(CauseCode::Stall, text)
        })
    }

    /// What the network said: proof, or else a hint.
    fn obstacle(&self) -> Option<Cause> {
        let proof = self.packets().iter().find_map(|it| match it {
            Packet::Unreachable(cause) => Some(cause.clone()),
            _ => None,
        });
        proof.or_else(|| self.echoes.progress.hint.clone())
    }

    fn silence(&self) -> Cause {
        let window = self.deadline.saturating_duration_since(self.started);
        let packets = counted(self.packets().len(), "packet");
        let text = format!("{} did not answer {packets} in {window:.1?}", self.target);
        Cause::new(CauseCode::Timeout, text)
    }

    /// From the beginning to the moment when the first packet went out.
    fn setup(&self) -> Option<Duration> {
        let sent_at = self.echoes.progress.first_sent_at?;
        Some(sent_at.saturating_duration_since(self.started.into_std()))
    }

    /// Percent of the packets that did not come back, of those of which we know. `None`: of none.
    fn loss(&self) -> Option<f64> {
        let silent = match self.echoes.deaf {
            true => 0,
            false => self.count(|it| *it == Packet::Sent),
        };
        let lost = silent + self.count(|it| matches!(it, Packet::Unreachable(_)));
        let known = lost + self.answers().count();
        (known > 0).then(|| 100.0 * lost as f64 / known as f64)
    }

    fn measure(&self, measures: &mut Vec<Measure>) {
        let mut put = |index, value: Option<f64>| {
            measures.extend(value.map(|it| Measure::number(index, it)));
        };
        put(SETUP, self.setup().map(|it| it.as_secs_f64()));
        put(LOSS, self.loss());
        put(HOP_LIMIT, self.answers().find_map(|it| it.hop_limit).map(f64::from));
        let times: Vec<f64> = self.answers().map(|it| it.took.as_secs_f64()).collect();
        if times.is_empty() {
            return;
        }
        put(RTT, Some(times.iter().sum::<f64>() / times.len() as f64));
        put(RTT_MIN, times.iter().copied().reduce(f64::min));
        put(RTT_MAX, times.iter().copied().reduce(f64::max));
        put(JITTER, jitter(&times));
    }

    fn narrate(&self, ask: &Ask<'_>) {
        for (number, packet) in (1..).zip(self.packets()) {
            ask.trace.step(|| match packet {
                Packet::Answered(answer) => {
                    let hops = answer.hop_limit.map_or(String::new(), |it| format!(", ttl {it}"));
                    format!("packet {number}: answered after {:?}{hops}", answer.took)
                }
                Packet::Unreachable(cause) | Packet::Unsent(cause) => {
                    format!("packet {number}: {cause}")
                }
                Packet::Sent => format!("packet {number}: no answer"),
                Packet::Queued => format!("packet {number}: could not be sent"),
            });
        }
    }
}

/// Mean difference between one round-trip time and the next.
fn jitter(times: &[f64]) -> Option<f64> {
    let steps = times.windows(2).map(|it| (it[1] - it[0]).abs());
    let count = steps.len();
    (count > 0).then(|| steps.sum::<f64>() / count as f64)
}

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "address",
        form: Form::Text,
        default: "",
        doc: "Name or address to ping, instead of the host's.",
    },
    ParamSpec {
        name: "packets",
        form: Form::Count(1, PACKETS_MAX as i64),
        default: "3",
        doc: "How many packets make one look.",
    },
    ParamSpec {
        name: "gap",
        form: Form::Duration,
        default: "200ms",
        doc: "Time between two packets, at least 10ms. It shrinks where the timeout is too short \
              for all of them.",
    },
    ParamSpec {
        name: "size",
        form: Form::Count(STAMP_BYTES as i64, SIZE_BYTES_MAX as i64),
        default: "56",
        doc: "Bytes of payload in each packet. The first 32 hold the seal.",
    },
    terms::FAMILY,
    ParamSpec {
        name: "ttl",
        form: Form::Count(1, 255),
        default: "",
        doc: "Hop limit of the packets, instead of the system's.",
    },
];

const fn seconds(
    name: &'static str,
    series: &'static str,
    labels: &'static [(&'static str, &'static str)],
    doc: &'static str,
) -> MeasureSpec {
    MeasureSpec { name, unit: Unit::Seconds, series: Some((series, labels)), doc }
}

/// The phases of a ping, as blackbox_exporter names them.
const PHASES: &str = "probe_icmp_duration_seconds";

const MEASURES: &[MeasureSpec] = &[
    seconds("rtt", PHASES, &[("phase", "rtt")], "Mean round-trip time of the answered packets."),
    seconds("resolve", PHASES, &[("phase", "resolve")], "Learning the address."),
    seconds("setup", PHASES, &[("phase", "setup")], "Until the first packet went out."),
    MeasureSpec {
        name: "loss",
        unit: Unit::Percent,
        series: Some(("probe_icmp_loss_percent", &[])),
        doc: "Packets that were not answered.",
    },
    seconds("rtt_min", "probe_icmp_rtt_min_seconds", &[], "Shortest round-trip time."),
    seconds("rtt_max", "probe_icmp_rtt_max_seconds", &[], "Longest round-trip time."),
    seconds(
        "jitter",
        "probe_icmp_jitter_seconds",
        &[],
        "Mean difference between one round-trip time and the next.",
    ),
    MeasureSpec {
        name: "ttl",
        unit: Unit::Number,
        series: Some(("probe_icmp_reply_hop_limit", &[])),
        doc: "Hop limit with which the first answer arrived.",
    },
    seconds("dns", "probe_dns_lookup_time_seconds", &[], "Learning the address."),
    MeasureSpec {
        name: "ip_protocol",
        unit: Unit::Number,
        series: Some(("probe_ip_protocol", &[])),
        doc: "4 or 6.",
    },
    MeasureSpec {
        name: "ip_hash",
        unit: Unit::Number,
        series: Some(("probe_ip_addr_hash", &[])),
        doc: "A number that changes when the address does.",
    },
];

#[cfg(test)]
mod tests {
    use std::{future::Future, net::Ipv4Addr};

    use model::{Reading, Value};
    use tokio::task::LocalSet;

    use super::*;
    use crate::{Target, Trace, WorldSettings, live::assert_declared, wires::icmp::Progress};

    fn params(pairs: &[(&'static str, Value)]) -> Params {
        Params(pairs.iter().cloned().collect())
    }

    fn run<F: Future>(test: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, test)
    }

    /// Looks once, with more time than needed unless `timeout` says otherwise.
    async fn look(address: Option<&str>, pairs: &[(&'static str, Value)]) -> (Found, Vec<String>) {
        let world = World::new(&WorldSettings::default());
        let target = Target { name: "acme/web/line".into(), address: address.map(Arc::from) };
        let (timeout, trace) = (Duration::from_secs(20), Trace::on());
        let deadline = Instant::now() + timeout;
        let ask = Ask { target: &target, deadline, timeout, trace: &trace };
        let found = Ping::build(&params(pairs)).unwrap().look(&world, &ask).await;
        assert_declared(&Ping::SPEC, &found);
        (found, trace.steps().into_iter().map(|it| it.1).collect())
    }

    fn number(found: &Found, name: &str) -> Option<f64> {
        let index = Ping::SPEC.measure(name).unwrap();
        found.measures.iter().find(|it| it.index == index).map(|it| match it.reading {
            Reading::Number(number) => number,
            Reading::Text(_) => panic!("{name} is a number"),
        })
    }

    #[test]
    fn this_machine_answers_over_both_families() {
        for (address, family, protocol) in [
            ("127.0.0.1", "any", 4.0),
            ("::1", "any", 6.0),
            ("[::1]", "ipv6", 6.0),
            ("localhost", "ipv4", 4.0),
            ("localhost", "ipv6", 6.0),
            ("::ffff:127.0.0.1", "any", 4.0),
        ] {
            let family = ("family", Value::Text(family.into()));
            let gap = ("gap", Value::Duration(Duration::from_millis(10)));
            let (found, steps) = run(look(Some(address), &[family, gap]));
            assert_eq!(found.verdict, Verdict::OK, "{address}");
            assert_eq!(number(&found, "loss"), Some(0.0));
            assert_eq!(number(&found, "ttl"), Some(64.0));
            assert_eq!(number(&found, "ip_protocol"), Some(protocol));
            assert!(number(&found, "rtt").unwrap() > 0.0);
            assert!(number(&found, "rtt_min") <= number(&found, "rtt"));
            assert!(number(&found, "rtt") <= number(&found, "rtt_max"));
            for (index, measure) in (0..).zip(&found.measures) {
                assert_eq!(measure.index, index, "a good look measures all, in order");
            }
            assert_eq!(found.measures.len(), Ping::SPEC.measures.len());
            assert_eq!(steps.len(), 4, "{steps:?}");
            assert!(steps[3].starts_with("packet 3: answered after"), "{steps:?}");
        }
    }

    #[test]
    fn the_address_of_the_parameter_comes_first() {
        let address = ("address", Value::Text("127.0.0.5".into()));
        let packets = ("packets", Value::Number(1));
        let (found, steps) = run(look(Some("192.0.2.1"), &[address, packets]));
        assert_eq!(found.verdict, Verdict::OK);
        assert!(steps[0].starts_with("resolved 127.0.0.5"), "{steps:?}");
        assert_eq!(number(&found, "jitter"), None, "there is none of a single packet");
        let (found, _) = run(look(None, &[]));
        assert!(matches!(found.verdict, Verdict::Blind { .. }));
    }

    #[test]
    fn a_name_that_is_none_is_told_as_such() {
        let (found, _) = run(look(Some("no such host"), &[]));
        let Verdict::Seen { cause: Some(cause), .. } = found.verdict else { panic!("{found:?}") };
        assert_eq!(cause.code, CauseCode::NameNotFound);
        let family = ("family", Value::Text("ipv6".into()));
        let (found, _) = run(look(Some("127.0.0.1"), &[family]));
        assert!(matches!(found.verdict, Verdict::Seen { cause: Some(_), .. }), "{found:?}");
    }

    #[test]
    fn mistakes_in_parameters_are_found() {
        let faults = Ping::build(&params(&[
            ("gap", Value::Duration(Duration::from_millis(1))),
            ("address", Value::Text(" ".into())),
        ]))
        .unwrap_err();
        let about: Vec<_> = faults.iter().map(|it| it.param).collect();
        assert_eq!(about, ["gap", "address"]);
    }

    #[test]
    fn the_gap_leaves_time_for_the_last_answer() {
        let now = Instant::now();
        let shot = |packets, timeout_ms: u64| {
            let ping = Ping::build(&params(&[("packets", Value::Number(packets))])).unwrap();
            let deadline = now + Duration::from_millis(timeout_ms);
            ping.shot(Ipv4Addr::LOCALHOST.into(), now, deadline).gap
        };
        assert_eq!(shot(3, 5_000), GAP_DEFAULT);
        assert_eq!(shot(3, 400), Duration::from_millis(100));
        assert_eq!(shot(11, 1_000), Duration::from_millis(50));
        assert_eq!(shot(1, 1_000), GAP_DEFAULT);
    }

    /// A look of ten seconds whose packets fared like this. Each letter is a packet: `a` answered
    /// after 10 ms times its place, `.` silent, `u` unreachable, `q` never sent, `x` refused.
    fn round(picture: &str) -> Round {
        let started = Instant::now();
        let fare = |(place, letter): (u32, char)| match letter {
            'a' => Packet::Answered(Answer {
                took: Duration::from_millis(10) * place,
                hop_limit: Some(60),
            }),
            'u' => Packet::Unreachable(Cause::bare(CauseCode::Unreachable)),
            'x' => Packet::Unsent(Cause::bare(CauseCode::NoRoute)),
            'q' => Packet::Queued,
            _ => Packet::Sent,
        };
        let packets = (1..).zip(picture.chars()).map(fare).collect();
        let first_sent_at = picture.contains(['a', 'u', '.']).then(|| started.into_std());
        let progress = Progress { packets, first_sent_at, ..Progress::default() };
        Round {
            target: Ipv4Addr::new(192, 0, 2, 1).into(),
            started,
            deadline: started + Duration::from_secs(10),
            echoes: Echoes { progress, deaf: false },
        }
    }

    /// The code of the verdict; `None`: all is well.
    fn code(round: &Round) -> Option<CauseCode> {
        match round.verdict() {
            Verdict::Seen { cause, .. } => cause.map(|it| it.code),
            Verdict::Blind { cause } => Some(cause.code),
        }
    }

    #[test]
    fn one_answer_is_life() {
        for (picture, loss) in [("aaa", 0.0), ("a..", 200.0 / 3.0), (".ua", 200.0 / 3.0)] {
            assert_eq!(code(&round(picture)), None, "{picture}");
            assert_eq!(round(picture).loss(), Some(loss), "{picture}");
        }
    }

    #[test]
    fn silence_is_the_targets_only_when_nothing_is_wrong_with_us() {
        for (picture, expected) in [
            ("...", CauseCode::Timeout),
            (".u.", CauseCode::Unreachable),
            (".x", CauseCode::NoRoute),
            ("..q", CauseCode::Buffers),
            ("q", CauseCode::Buffers),
        ] {
            assert_eq!(code(&round(picture)), Some(expected), "{picture}");
        }
        let text = "192.0.2.1 did not answer 3 packets in 10.0s";
        assert_eq!(round("...").verdict(), Cause::new(CauseCode::Timeout, text).into());

        let mut hinted = round("..");
        hinted.echoes.progress.hint = Some(Cause::bare(CauseCode::Unreachable));
        assert_eq!(code(&hinted), Some(CauseCode::Unreachable));
    }

    #[test]
    fn what_our_kernel_dropped_is_not_lost() {
        let mut deaf = round("...");
        deaf.echoes.deaf = true;
        assert_eq!(code(&deaf), Some(CauseCode::Buffers));
        assert_eq!(deaf.loss(), None, "nothing is known");
        let mut deaf = round("a..u");
        deaf.echoes.deaf = true;
        assert_eq!(code(&deaf), None);
        assert_eq!(deaf.loss(), Some(50.0), "of the two that we know of");
    }

    #[test]
    fn a_packet_that_left_too_late_proves_nothing() {
        let mut slow = round("..");
        slow.echoes.progress.first_sent_at =
            Some((slow.started + Duration::from_secs(6)).into_std());
        assert_eq!(code(&slow), Some(CauseCode::Stall));
        slow.echoes.progress.first_sent_at =
            Some((slow.started + Duration::from_secs(4)).into_std());
        assert_eq!(code(&slow), Some(CauseCode::Timeout));
    }

    #[test]
    fn jitter_is_the_mean_step() {
        assert_eq!(jitter(&[1.0, 3.0, 2.0]), Some(1.5));
        assert_eq!(jitter(&[1.0]), None);
    }
}
