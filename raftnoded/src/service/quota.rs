//! Which namespaces are about to be full, for whoever looks at the member.
//!
//! Looking at all namespaces takes time in proportion to their number, so it is done now and then in
//! the background, and not for each question about the member's state.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Service;
use crate::store::{self, NamespaceInfo};

/// How often the namespaces are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The look takes at most this part of the time: with very many namespaces it is rarer.
const SHARE: u32 = 50;

/// From this part of a quota on it is worth a word, in percent.
const NOTEWORTHY: u128 = 80;

/// What was found last.
#[derive(Default)]
pub(super) struct QuotaNotices(Mutex<Vec<String>>);

impl QuotaNotices {
    pub(super) fn latest(&self) -> Vec<String> {
        let notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.clone()
    }
}

impl Service {
    /// Looks at the namespaces again and again; never returns.
    pub(crate) async fn measure_quotas(self: Arc<Self>) {
        loop {
            let began = Instant::now();
            if let Some(part) = self.part.get() {
                let view = part.engine.snapshot();
                let looked = tokio::task::spawn_blocking(move || store::namespaces(&*view)).await;
                // What cannot be read stops the member where it is applied; here it is only missing.
                if let Ok(Ok(all)) = looked {
                    let notices = all.iter().flat_map(notices).collect();
                    *self.quotas.0.lock().unwrap_or_else(PoisonError::into_inner) = notices;
                }
            }
            tokio::time::sleep(EVERY.max(began.elapsed() * SHARE)).await;
        }
    }
}

fn notices(namespace: &NamespaceInfo) -> Vec<String> {
    let settings = &namespace.settings;
    [
        (namespace.keys, settings.max_keys, "max-keys"),
        (namespace.bytes, settings.max_bytes, "max-bytes"),
    ]
    .into_iter()
    .filter_map(|(used, quota, setting)| {
        let quota = quota?;
        let percent = u128::from(used) * 100 / u128::from(quota.max(1));
        (percent > NOTEWORTHY || used >= quota).then(|| {
            format!(
                "namespace {} uses {percent} % of its {setting}, {used} of {quota}",
                namespace.name
            )
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Settings;

    #[test]
    fn more_than_eighty_percent_of_a_quota_is_worth_a_word() {
        let namespace = |keys, max_keys| NamespaceInfo {
            name: "n".to_owned(),
            id: 1,
            create_revision: 1,
            keys,
            bytes: 0,
            settings: Settings {
                max_keys,
                ..Settings::default()
            },
        };
        for (keys, quota) in [(80, Some(100)), (u64::MAX, None), (0, Some(100))] {
            assert!(notices(&namespace(keys, quota)).is_empty(), "{keys}");
        }
        assert_eq!(
            notices(&namespace(85, Some(100))),
            ["namespace n uses 85 % of its max-keys, 85 of 100"]
        );
        // Lowered below what is there, and to nothing at all.
        assert!(notices(&namespace(300, Some(100)))[0].contains("300 %"));
        assert_eq!(notices(&namespace(0, Some(0))).len(), 1);
    }
}
