//! Views: the state of one moment, kept for a listing of many pages.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use common::{
    Error,
    types::{CloseViewRequest, OpenViewReply, OperationKind, VIEW_IDLE, ViewId},
};

use super::{Call, Service, activity::Work, read::applied};
use crate::engine::View;

/// How many views are kept: each holds on to what is overwritten or deleted meanwhile.
const MAX_VIEWS: usize = 64;

/// How long a client is asked to wait for whom there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The views that are open.
#[derive(Clone, Default)]
pub(super) struct Views(Arc<Mutex<HashMap<ViewId, Pinned>>>);

/// A state that does not change.
#[derive(Clone)]
pub(super) struct Pinned {
    pub(super) view: View,
    /// The clock when it was pinned.
    pub(super) clock: u64,
    used: Instant,
}

impl Views {
    fn all(&self) -> MutexGuard<'_, HashMap<ViewId, Pinned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, view: View, clock: u64) -> Result<ViewId, Error> {
        let pinned = Pinned {
            view,
            clock,
            used: Instant::now(),
        };
        let mut all = self.all();
        if all.len() >= MAX_VIEWS {
            return Err(Error::Overloaded {
                reason: format!("{MAX_VIEWS} listings of one revision are open already"),
                retry_after: RETRY_AFTER,
            });
        }
        // Not counted up: one of another leader must not be taken for one of this.
        let id = loop {
            let id = rand::random();
            if !all.contains_key(&id) {
                break id;
            }
        };
        all.insert(id, pinned);
        drop(all);
        tokio::spawn(self.clone().close_when_idle(id));
        Ok(id)
    }

    async fn close_when_idle(self, id: ViewId) {
        loop {
            let end = match self.all().get(&id) {
                Some(pinned) => pinned.used + VIEW_IDLE,
                None => return,
            };
            if end <= Instant::now() {
                self.all().remove(&id);
                return;
            }
            tokio::time::sleep_until(end.into()).await;
        }
    }

    /// A view that is read now.
    pub(super) fn get(&self, id: ViewId) -> Result<Pinned, Error> {
        let mut all = self.all();
        let pinned = all.get_mut(&id).ok_or(Error::ViewNotFound)?;
        pinned.used = Instant::now();
        Ok(pinned.clone())
    }
}

impl Service {
    /// See [`Data::open_view`](common::api::Data::open_view).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn open_view(&self, call: &Call) -> Result<OpenViewReply, Error> {
        let _admitted = self.admit()?;
        self.route(
            call,
            &Work::new(OperationKind::Read),
            || async {
                let part = self.part()?;
                self.settle(part, call).await?;
                let view = part.engine.snapshot();
                let revision = applied(&*view)?;
                let clock = part.consensus.clock();
                let view = self.views.open(view, clock)?;
                Ok(OpenViewReply { view, revision })
            },
            |leader| async move { leader.open_view().await },
        )
        .await
    }

    /// See [`Data::close_view`](common::api::Data::close_view).
    ///
    /// # Errors
    /// [`Error`]
    pub async fn close_view(&self, call: &Call, request: CloseViewRequest) -> Result<(), Error> {
        let _admitted = self.admit()?;
        self.route(
            call,
            &Work::new(OperationKind::Read),
            || async {
                self.views.all().remove(&request.view);
                Ok(())
            },
            |leader| async move { leader.close_view(request.view).await },
        )
        .await
    }
}
