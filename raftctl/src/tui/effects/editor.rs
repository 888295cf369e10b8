//! A value in the user's editor, while the terminal is the editor's.

use bytes::Bytes;

use crate::{
    commands::edit::{
        editor::{chosen, open},
        scratch::Scratch,
    },
    failure::Failure,
};

/// What the user made of a text; nothing if it is as it is in the cluster. `text` is what is edited
/// in the place of `original`.
pub(crate) async fn edit(
    key: &[u8],
    original: &Bytes,
    text: Option<&Bytes>,
) -> Result<Option<Bytes>, Failure> {
    let shown = text.unwrap_or(original);
    let mut scratch = Scratch::new(key, shown)?;
    let closed = open(&chosen()?, scratch.path()).await;
    let edited = scratch.read(shown);
    if let (Err(_), Ok(edited)) = (&closed, &edited)
        && edited != original
    {
        // An editor that failed may have been used for hours.
        scratch.hold(edited);
    }
    closed?;
    let edited = edited?;
    Ok((edited != *original).then_some(edited))
}
