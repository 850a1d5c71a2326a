//! What a channel is, and how the catalogue holds channels of many types.

use std::{future::Future, pin::Pin, sync::Arc};

use model::{Alert, ChannelKind, ChannelSpec, Delivery, ParamFault, Params};

use crate::{CATALOGUE, World};

/// Whom an alert is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// A person's id, or `*` for a channel that is one place for all.
    pub name: Arc<str>,
    /// For people.
    pub title: Arc<str>,
    /// The address that the channel asked for; empty for a channel that is one place for all.
    pub address: Arc<str>,
}

impl Contact {
    /// Everybody who listens at a channel that is one place for all.
    #[must_use]
    pub fn everybody() -> Self {
        Self { name: Arc::from("*"), title: Arc::from(""), address: Arc::from("") }
    }
}

/// A way to deliver. The type that implements it holds the parsed parameters of one channel.
pub trait Channel: Send + Sync + Sized + 'static {
    /// What it says about itself.
    const SPEC: ChannelSpec;

    /// Takes in the parameters; `config` has checked their forms already.
    ///
    /// # Errors
    /// Every mistake at once, each with the parameter it is about.
    fn build(params: &Params) -> Result<Self, Vec<ParamFault>>;

    /// Tries once. Ends by itself within [`World::TRY_MAX`].
    fn deliver(
        &self,
        world: &World,
        alert: &Alert,
        contact: &Contact,
    ) -> impl Future<Output = Delivery> + Send;
}

/// A built channel of any kind.
pub trait Teller: Send + Sync {
    /// See [`Channel::deliver`].
    fn deliver<'a>(
        &'a self,
        world: &'a World,
        alert: &'a Alert,
        contact: &'a Contact,
    ) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;
}

impl<C: Channel> Teller for C {
    fn deliver<'a>(
        &'a self,
        world: &'a World,
        alert: &'a Alert,
        contact: &'a Contact,
    ) -> Pin<Box<dyn Future<Output = Delivery> + Send + 'a>> {
        Box::pin(Channel::deliver(self, world, alert, contact))
    }
}

/// A built channel, or the mistakes that kept it from being built.
pub type Built = Result<Arc<dyn Teller>, Vec<ParamFault>>;

/// One line of the catalogue.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The channel's description.
    pub spec: &'static ChannelSpec,
    /// Builds one channel.
    pub build: fn(&Params) -> Built,
    /// Finds every mistake that building would.
    pub vet: fn(&Params) -> Vec<ParamFault>,
}

/// The catalogue's line for `C`.
#[must_use]
pub const fn entry<C: Channel>() -> Entry {
    Entry {
        spec: &C::SPEC,
        build: |params| Ok(Arc::new(C::build(params)?)),
        vet: |params| C::build(params).err().unwrap_or_default(),
    }
}

/// The catalogue as `config` wants it.
#[must_use]
pub fn channel_kinds() -> Vec<ChannelKind> {
    CATALOGUE.iter().map(|it| ChannelKind { spec: it.spec, vet: it.vet }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_its_file_and_every_file_its_line() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/channels");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .filter_map(|it| it.strip_suffix(".rs").map(|it| it.replace('_', "-")))
            .filter(|it| it != "mod")
            .collect();
        files.sort_unstable();
        let mut names: Vec<&str> = CATALOGUE.iter().map(|it| it.spec.name).collect();
        names.sort_unstable();
        assert_eq!(files, names, "one file and one line for each channel");
    }

    #[test]
    fn the_names_of_parameters_are_not_those_that_every_channel_has() {
        let common = [
            "type",
            "personal",
            "resolve",
            "group",
            "limit",
            "ttl",
            "fallback",
            "refresh",
            "resend_unknown",
            "name",
        ];
        for entry in CATALOGUE {
            for param in entry.spec.params {
                assert!(!common.contains(&param.name), "{} of {}", param.name, entry.spec.name);
            }
        }
    }
}
