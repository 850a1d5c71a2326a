//! What one thing is that can be asked: its path, who may ask it, what it takes and gives.

use std::{future::Future, pin::Pin};

use model::{Command, TokenScope};

use crate::api::{
    ask::{Answer, Ask},
    fault::Fault,
    forms::{DoneForm, problem::NothingForm},
    object::Kind,
    shape::{SchemaOf, Shape},
};

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

/// Whose objects a route is about, and who therefore may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenant {
    /// Nobody's: no token is needed.
    Open,
    /// A list that holds only what the token may see.
    Listed,
    /// The object in the path; for a token of other customers there is none.
    Object(Kind),
    /// What the request names; for a token of other customers there is none.
    Named,
    /// Everybody's at once: only for tokens without a list of customers.
    Whole,
}

/// A parameter behind the `?`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) schema: SchemaOf,
}

type Answering = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>;

/// What a route does.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// Shows the object in the path.
    Show,
    /// Reads, or does something special.
    Read(fn(Ask) -> Answering),
    /// Asks the desk.
    Change(fn(&Ask) -> Result<Command, Fault>),
}

/// One thing that can be asked.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// What a token needs; `None`: no token is needed.
    pub(crate) scope: Option<TokenScope>,
    pub(crate) tenant: Tenant,
    pub(crate) params: &'static [Param],
    /// The body it takes.
    pub(crate) takes: Option<SchemaOf>,
    /// That body is a mail as it came, not JSON.
    pub(crate) mail: bool,
    /// What it answers.
    pub(crate) gives: SchemaOf,
    /// It makes something; where that is found then.
    pub(crate) makes: Option<&'static str>,
    pub(crate) does: Does,
}

impl Route {
    pub(super) const fn show(
        path: &'static str,
        summary: &'static str,
        kind: Kind,
        gives: SchemaOf,
    ) -> Self {
        Self {
            verb: Verb::Get,
            path,
            summary,
            scope: Some(TokenScope::Read),
            tenant: Tenant::Object(kind),
            params: &[],
            takes: None,
            mail: false,
            gives,
            makes: None,
            does: Does::Show,
        }
    }

    pub(super) const fn list(
        path: &'static str,
        summary: &'static str,
        params: &'static [Param],
        gives: SchemaOf,
        does: fn(Ask) -> Answering,
    ) -> Self {
        let (tenant, does) = (Tenant::Listed, Does::Read(does));
        Self { tenant, params, does, ..Self::show(path, summary, Kind::Problem, gives) }
    }

    pub(super) const fn change(
        path: &'static str,
        summary: &'static str,
        (scope, tenant): (TokenScope, Tenant),
        takes: SchemaOf,
        does: fn(&Ask) -> Result<Command, Fault>,
    ) -> Self {
        Self {
            verb: Verb::Post,
            path,
            summary,
            scope: Some(scope),
            tenant,
            params: &[],
            takes: Some(takes),
            mail: false,
            gives: DoneForm::schema,
            makes: None,
            does: Does::Change(does),
        }
    }

    pub(super) const fn delete(
        path: &'static str,
        summary: &'static str,
        rights: (TokenScope, Tenant),
        does: fn(&Ask) -> Result<Command, Fault>,
    ) -> Self {
        let route = Self::change(path, summary, rights, NothingForm::schema, does);
        Self { verb: Verb::Delete, takes: None, ..route }
    }

    pub(super) const fn makes(self, folder: &'static str) -> Self {
        Self { makes: Some(folder), ..self }
    }

    pub(super) const fn needs(self, scope: TokenScope, tenant: Tenant) -> Self {
        Self { scope: Some(scope), tenant, ..self }
    }
}
