//! The upstream, as a model: what it remembers per idempotency key, what it billed, under which key it spent the pass.

/// Hours after which the upstream forgets a key; whatever was on its way then is gone as well.
pub(crate) const MEMORY_SECONDS: u32 = 24 * 3600;
/// So long the upstream may be at work on a message under a key, and refuse another under the same key.
const WORK_SECONDS: u32 = 3;

/// Which of the two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Purchase,
    Redemption,
}

/// The world of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub call: Call,
    /// Failures are kept under their key as well (5xx, 403, 4xx; never 401 and 429).
    pub keeps_failures: bool,
    /// The claim fails: the pass is handed back.
    pub failing: bool,
}

/// What comes back to a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    /// 2xx: the signature over this body, or the claim.
    Value(u8),
    /// 2xx: a signature that does not verify.
    BadSignature,
    Status(u16),
    /// None in time, or none that can be read.
    Nothing,
}

/// What the environment does to a message that is being processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    Normal,
    /// 5xx, and nothing happened.
    Before,
    /// It happened, and is answered 5xx.
    After,
    /// 5xx from what stands in front of the upstream, which remembers nothing of it.
    Front,
    /// 404 from what stands in front of the upstream, whatever the key was used for before.
    Refused,
    /// 429.
    Later,
    /// 401.
    Unauthorized,
    /// Billed, with a signature that does not verify.
    BadSignature,
    /// 409 although the pass was spent under this very key: the upstream is still at work on it.
    Busy,
}

pub(crate) const FAULTS: [Fate; 8] = [
    Fate::Before,
    Fate::After,
    Fate::Front,
    Fate::Refused,
    Fate::Later,
    Fate::Unauthorized,
    Fate::BadSignature,
    Fate::Busy,
];

/// What the upstream keeps about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Key {
    /// The only body that was ever sent under it.
    pub body: Option<u8>,
    /// What it answers again, and since when.
    pub memory: Option<(Reply, u32)>,
    pub billed: u8,
}

/// The upstream's state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Upstream {
    pub keys: Vec<Key>,
    pub ready: bool,
    /// Each message is answered 5xx and not processed.
    pub down: bool,
    /// Bodies below this number are refused: they were made before the issuer's key rotated.
    pub refused_below: u8,
    /// The key under which the pass was spent.
    pub spent_under: Option<u8>,
}

impl Upstream {
    pub(crate) fn key(&mut self, key: u8) -> &mut Key {
        let at = usize::from(key);
        if self.keys.len() <= at {
            self.keys.resize(at + 1, Key::default());
        }
        &mut self.keys[at]
    }

    pub(crate) fn billed(&self) -> u8 {
        self.keys.iter().map(|key| key.billed).sum()
    }

    pub(crate) fn forget(&mut self, now: u32) {
        for key in &mut self.keys {
            key.memory = key.memory.filter(|(_, at)| now - at < MEMORY_SECONDS);
        }
    }

    /// The keys under which a success is remembered.
    pub(crate) fn remembered(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        (0u8..).zip(&self.keys).filter_map(|(at, key)| match key.memory {
            Some((Reply::Value(value), _)) => Some((at, value)),
            _ => None,
        })
    }

    /// Whether a fault makes a difference for a message under this key.
    pub(crate) fn can(&self, world: World, key: u8, fate: Fate, now: u32) -> bool {
        let memory = self.keys.get(usize::from(key)).and_then(|key| key.memory);
        let refused = self.refused_below > 0;
        match fate {
            Fate::Normal => true,
            Fate::Before => memory.is_none() && (world.keeps_failures || self.down),
            Fate::Front => true,
            Fate::Later => true,
            // In the other worlds it would be the same.
            Fate::Refused => !world.keeps_failures,
            Fate::Unauthorized => world.call == Call::Purchase,
            Fate::BadSignature => world.call == Call::Purchase && memory.is_none() && !self.down,
            Fate::After => {
                let free = world.call == Call::Purchase || (self.ready && self.spent_under.is_none());
                memory.is_none() && !self.down && free && !(refused && world.call == Call::Redemption)
            }
            Fate::Busy => {
                let at_work = |at: u32| now - at < WORK_SECONDS;
                world.call == Call::Redemption && matches!(memory, Some((Reply::Value(_), at)) if at_work(at))
            }
        }
    }

    /// Processes one message.
    pub(crate) fn process(&mut self, world: World, (key, body): (u8, u8), fate: Fate, now: u32) -> Reply {
        match fate {
            Fate::Front => return Reply::Status(503),
            Fate::Refused => return Reply::Status(404),
            Fate::Later => return Reply::Status(429),
            Fate::Unauthorized => return Reply::Status(401),
            Fate::Busy => return Reply::Status(409),
            _ => {}
        }
        if self.down && fate != Fate::Before {
            return Reply::Status(503);
        }
        if self.key(key).body.is_some_and(|first| first != body) {
            return Reply::Status(400);
        }
        if let Some((reply, _)) = self.key(key).memory {
            return reply;
        }
        let reply = match fate {
            Fate::Before => Reply::Status(500),
            _ if world.call == Call::Redemption && !self.ready => Reply::Status(403),
            _ if self.spent_under.is_some_and(|other| world.call == Call::Redemption && other != key) => {
                Reply::Status(409)
            }
            // A pass that was spent under this key, when the upstream has forgotten the key.
            _ if world.call == Call::Redemption && self.spent_under.is_some() => Reply::Status(409),
            _ if body < self.refused_below => Reply::Status(422),
            _ => self.execute(world, key, body, fate),
        };
        if matches!(reply, Reply::Value(_) | Reply::BadSignature) || world.keeps_failures {
            let kept = if fate == Fate::After && world.keeps_failures { Reply::Status(500) } else { reply };
            self.key(key).memory = Some((kept, now));
        }
        if fate == Fate::After {
            return Reply::Status(500);
        }
        reply
    }

    fn execute(&mut self, world: World, key: u8, body: u8, fate: Fate) -> Reply {
        match world.call {
            Call::Purchase => {
                self.key(key).billed += 1;
                if fate == Fate::BadSignature {
                    return Reply::BadSignature;
                }
                Reply::Value(body)
            }
            Call::Redemption => {
                if !world.failing {
                    self.spent_under = Some(key);
                }
                Reply::Value(body)
            }
        }
    }
}

impl World {
    /// Whether nothing stands in the way of a success, whatever happened before.
    pub(crate) fn must_succeed(self, upstream: &Upstream) -> bool {
        self.call == Call::Redemption && upstream.spent_under.is_none() && upstream.refused_below == 0
    }
}
