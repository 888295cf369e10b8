//! What a member did lately.

use common::{
    Error,
    types::{Activity, ActivityRequest},
};

use super::Service;

impl Service {
    /// See [`Control::activity`](common::api::Control::activity).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn activity(&self, _: &ActivityRequest) -> Result<Activity, Error> {
        Ok(Activity::default())
    }
}
