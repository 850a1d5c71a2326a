//! What a kind of check is, and how the catalogue holds kinds of many types.

use std::{future::Future, pin::Pin, sync::Arc};

use model::{KindSpec, ParamFault, Params};

use crate::{Ask, Found, World};

/// A kind of check. The type that implements it holds the parsed parameters of one check.
pub trait Kind: Send + Sync + Sized + 'static {
    /// What it says about itself.
    const SPEC: KindSpec;

    /// Takes in the parameters; `config` has checked their forms already.
    ///
    /// # Errors
    /// Every mistake at once, each with the parameter it is about.
    fn build(params: &Params) -> Result<Self, Vec<ParamFault>>;

    /// Does it ask the host's address, rather than one of its own?
    fn needs_host(&self) -> bool;

    /// Looks once. Ends by itself before `ask.deadline`; whoever calls it stops it soon after.
    fn look(&self, world: &World, ask: &Ask<'_>) -> impl Future<Output = Found>;
}

/// A built check of any kind.
pub trait Looker: Send + Sync {
    /// See [`Kind::look`].
    fn look<'a>(
        &'a self,
        world: &'a World,
        ask: &'a Ask<'a>,
    ) -> Pin<Box<dyn Future<Output = Found> + 'a>>;
}

impl<K: Kind> Looker for K {
    fn look<'a>(
        &'a self,
        world: &'a World,
        ask: &'a Ask<'a>,
    ) -> Pin<Box<dyn Future<Output = Found> + 'a>> {
        Box::pin(Kind::look(self, world, ask))
    }
}

/// A built check, or the mistakes that kept it from being built.
pub type Built = Result<Arc<dyn Looker>, Vec<ParamFault>>;

/// One line of the catalogue.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The kind's description.
    pub spec: &'static KindSpec,
    /// Builds one check.
    pub build: fn(&Params) -> Built,
    /// Finds every mistake that building would.
    pub vet: fn(&Params) -> Vec<ParamFault>,
    /// See [`Kind::needs_host`]; no for one that cannot be built.
    pub needs_host: fn(&Params) -> bool,
}

impl Entry {
    /// The same as `config` wants it.
    #[must_use]
    pub fn for_config(&self) -> model::Kind {
        model::Kind { spec: self.spec, vet: self.vet, needs_host: self.needs_host }
    }
}

/// The catalogue's line for `K`.
#[must_use]
pub const fn entry<K: Kind>() -> Entry {
    Entry {
        spec: &K::SPEC,
        build: |params| Ok(Arc::new(K::build(params)?)),
        vet: |params| K::build(params).err().unwrap_or_default(),
        needs_host: |params| K::build(params).is_ok_and(|it| it.needs_host()),
    }
}
