//! What must hold of the words of agents, whatever the bytes.

use super::{
    look_up,
    message::{BINDINGS_MAX, Operation, Response, Version, encode_request, identify},
    oid::Oid,
};

/// A message of an agent.
///
/// # Panics
/// When something does not hold.
pub(crate) fn message(bytes: &[u8]) {
    let identity = identify(bytes);
    let Ok(response) = Response::decode(bytes) else { return };
    assert!(identity.is_ok(), "an answer to nobody");
    assert!(response.bindings.len() <= BINDINGS_MAX, "values without number");
    let names: Vec<Oid> = response.bindings.into_iter().map(|it| it.0).collect();
    // Whatever was named can be asked for.
    let asked = encode_request(Version::V2c, b"public", (Operation::GetNext, 7), &names);
    assert_eq!(identify(&asked).map(|it| it.id()), Ok(7));
    for name in names {
        assert_eq!(name.to_string().parse::<Oid>().as_ref(), Ok(&name), "it is read as shown");
    }
}

/// A name of an object.
///
/// # Panics
/// When something does not hold.
pub(crate) fn name(text: &str) {
    if let Err((what, hint)) = look_up(text) {
        assert!(!what.is_empty() && !hint.is_empty());
    }
}
