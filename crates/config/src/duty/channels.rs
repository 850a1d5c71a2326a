//! Channels: ways to deliver, each with the parameters of its kind.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{Channel, ChannelKind, ChannelSpec, Params};

use super::{
    Clerk,
    oncall::{chain, circles},
};
use crate::{
    code::Code, diagnostic::Diagnostic, gather, params, quoted, section::Section, source::View,
    words,
};

/// The first message goes at once; those within this time of it come as one.
const GROUP: Duration = Duration::from_secs(60);
/// How long delivery is tried if nothing is written.
const TTL: Duration = Duration::from_secs(24 * 3600);

/// Keys of every channel, whatever its kind.
const COMMON: &[&str] = &["type", "resolve", "group", "limit", "ttl", "unknown", "fallback"];

impl<'a> Clerk<'_, 'a, '_> {
    pub(super) fn channels(&mut self) -> Vec<Channel> {
        let all: Vec<_> = self.all(Section::Channels).collect();
        let channels: Vec<Channel> =
            all.iter().map(|(named, key, body)| self.channel(&named.name, *key, *body)).collect();
        let next: Vec<Option<u32>> = channels.iter().map(|it| it.fallback).collect();
        for at in circles(&next) {
            let (named, key, body) = &all[at];
            let view = Self::get(*body, "fallback").unwrap_or(*key);
            let what = format!("the channel {} falls back on itself", quoted(&named.name));
            self.add(
                Diagnostic::new(Code::StandInLoop, what)
                    .at(view.place())
                    .label("this closes the circle")
                    .note(chain(at, &next, |it| all[it].0.name.to_string())),
            );
        }
        channels
    }

    fn channel(&mut self, name: &str, key: View<'a>, body: View<'a>) -> Channel {
        let mut channel = Channel {
            name: Arc::from(name),
            at: self.rule_at(key),
            kind: Arc::from(""),
            params: Arc::default(),
            personal: None,
            resolve: false,
            group: None,
            limit: None,
            ttl: TTL,
            resend_unknown: true,
            fallback: None,
            refresh: None,
        };
        if !body.is_map() {
            self.is_map(body, "a channel", COMMON);
            return channel;
        }
        let Some(kind) = self.channel_kind(key, body) else { return channel };
        let spec = kind.spec;
        channel.kind = Arc::from(spec.name);
        channel.personal = spec.personal.map(Arc::from);
        channel.refresh =
            (spec.refresh_secs > 0).then(|| Duration::from_secs(u64::from(spec.refresh_secs)));
        if let Some(params) = self.channel_params(kind, key, body) {
            channel.params = self.desk.settler.interner.params(params);
        }
        let resolve = self.word_of(body, "resolve", spec.resolve, words::flag);
        channel.resolve = resolve.unwrap_or_default();
        channel.group = match self.digest_of(spec, body, "group") {
            None => spec.for_people.then_some(GROUP),
            Some(view) if view.is_off() => None,
            Some(view) => self.word(view, words::stretch),
        };
        let limit = self.digest_of(spec, body, "limit");
        channel.limit = limit.and_then(|it| self.word(it, words::rate));
        channel.ttl = self.word_of(body, "ttl", TTL, words::stretch).unwrap_or(TTL);
        let unknown = [("resend", true), ("skip", false)];
        channel.resend_unknown = self.choice_of(body, "unknown", true, &unknown).unwrap_or(true);
        channel.fallback =
            Self::get(body, "fallback").and_then(|it| self.name(it, Section::Channels, "channel/"));
        channel
    }

    /// What is written for a key that makes digests, where there may be any.
    fn digest_of(
        &mut self,
        spec: &ChannelSpec,
        body: View<'a>,
        key: &'static str,
    ) -> Option<View<'a>> {
        let view = Self::get(body, key).filter(|it| !(spec.one_by_one && it.is_off()))?;
        if !spec.one_by_one {
            return Some(view);
        }
        let what = format!("`{key}` puts several problems into one message");
        let label = format!("`{}` is told each problem by itself", spec.name);
        let help = format!("leave `{key}` out; an answer of 429 slows us down without it");
        self.add(Diagnostic::new(Code::Refused, what).at(view.place()).label(label).help(help));
        None
    }

    /// The kind that `type:` names.
    fn channel_kind(&mut self, key: View<'a>, body: View<'a>) -> Option<ChannelKind> {
        let view = self.required(key, body, "type", "type: webhook")?;
        let text = self.text(view)?;
        let kinds = self.desk.channel_kinds;
        let found = kinds.iter().find(|it| *it.spec.name == *text).copied();
        if found.is_none() {
            let names: Vec<&str> = kinds.iter().map(|it| it.spec.name).collect();
            let help = match words::nearest(&text, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the kinds of channels are {}", gather::list(&names)),
            };
            self.add(
                Diagnostic::new(Code::Value, format!("unknown kind of channel {}", quoted(&text)))
                    .at(view.place())
                    .help(help),
            );
        }
        found
    }

    fn channel_params(
        &mut self,
        kind: ChannelKind,
        key: View<'a>,
        body: View<'a>,
    ) -> Option<Params> {
        let mut params = Params(BTreeMap::new());
        let mut whole = true;
        for (key, value) in body.pairs() {
            let Some(name) = key.text().filter(|it| !COMMON.contains(it)) else { continue };
            let Some(spec) = kind.spec.params.iter().find(|it| it.name == name) else {
                self.add(unknown_key(kind.spec, name, key));
                whole = false;
                continue;
            };
            match params::single_layer(self.filler(), spec, value, self.report) {
                Some(value) => drop(params.0.insert(spec.name, value)),
                None => whole = false,
            }
        }
        if !whole {
            return None;
        }
        let faults = (kind.vet)(&params);
        for fault in &faults {
            let at = body.get(fault.param).unwrap_or(key);
            let what = format!("`{}`: {}", kind.spec.name, fault.what);
            let found = Diagnostic::new(Code::Refused, what).at(at.place());
            self.add(match fault.hint.as_str() {
                "" => found,
                hint => found.help(hint),
            });
        }
        faults.is_empty().then_some(params)
    }
}

fn unknown_key(spec: &ChannelSpec, name: &str, key: View<'_>) -> Diagnostic {
    let names = || spec.params.iter().map(|it| it.name).chain(COMMON.iter().copied());
    let help = match words::nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its keys are {}", gather::list(&names().collect::<Vec<_>>())),
    };
    let what = format!("a channel of the kind `{}` has no parameter {}", spec.name, quoted(name));
    Diagnostic::new(Code::UnknownParameter, what)
        .at(key.place())
        .label("there is no such parameter")
        .help(help)
}
