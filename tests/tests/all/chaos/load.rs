//! Webhooks at a steady rate, each sent until it is acknowledged, and how long acknowledgements took.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tierlift_testkit::{harness::client::Client, lifecycle, random::Random};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::stories::{Story, connect};

/// Connections that Stripe's deliveries come over.
const CONNECTIONS: u64 = 64;
/// Customers at a time, each with a user and a story of its own.
const CUSTOMERS: u64 = 1_024;
/// Sockets that never read, each of the user of one of the first customers.
pub(super) const SILENT_SOCKETS: u64 = 30;
/// Events of a customer before another takes its place, but for those whose users have sockets: these have more and more
/// subscriptions.
const EVENTS_PER_CUSTOMER: usize = 100;
/// How long Stripe waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// When a refused delivery is sent again. Stripe waits for longer.
const RESEND_DELAY: Duration = Duration::from_millis(50);
/// Events of a customer that are kept to be sent once more.
const KEPT: usize = 8;

/// Running senders.
pub(super) struct Load {
    senders: JoinSet<(Vec<Sent>, Acks)>,
    stop: watch::Sender<bool>,
}

/// What was sent about one customer: the beginning of a story, and its number of events. An hour of bodies would fill
/// the memory.
pub(super) struct Sent {
    beginning: Story,
    pub(super) count: usize,
}

impl Sent {
    /// The user and the events, told again.
    pub(super) fn tell(self) -> (String, Vec<lifecycle::Event>) {
        let Self { beginning: mut story, count } = self;
        let events = (0..count).map(|_| story.next()).collect();
        (story.user, events)
    }
}

/// The stories of customers that follow each other, and how far the last one has come.
struct Telling {
    seed: u64,
    number: u64,
    story: Story,
    sent: Vec<Sent>,
    kept: Vec<lifecycle::Event>,
    random: Random,
}

impl Telling {
    fn new(seed: u64, number: u64) -> Self {
        let user = format!("user_{number}");
        let story = Story::new(seed, &user, &format!("cus_{number}"));
        let sent = vec![Sent { beginning: story.clone(), count: 0 }];
        Self { seed, number, story, sent, kept: Vec::new(), random: Random::named(seed, &user) }
    }

    fn next(&mut self) -> lifecycle::Event {
        let sent = self.sent.last_mut().unwrap();
        if sent.count < EVENTS_PER_CUSTOMER || self.number < SILENT_SOCKETS {
            sent.count += 1;
            return self.story.next();
        }
        let name = format!("{}_{}", self.number, self.sent.len());
        self.story = Story::new(self.seed, &format!("user_{name}"), &format!("cus_{name}"));
        self.sent.push(Sent { beginning: self.story.clone(), count: 1 });
        self.story.next()
    }

    /// Keeps one that was sent; of all that were, each has the same chance to be kept.
    fn keep(&mut self, event: lifecycle::Event) {
        let count = self.sent.iter().map(|sent| sent.count).sum();
        if self.kept.len() < KEPT {
            self.kept.push(event);
        } else if let Some(other) = self.kept.get_mut(self.random.below(count)) {
            *other = event;
        }
    }

    /// Now and then one that was sent before.
    fn once_more(&mut self) -> Option<lifecycle::Event> {
        if self.random.below(10) > 0 {
            return None;
        }
        self.random.pick(&self.kept).cloned()
    }
}

impl Load {
    /// Starts to send that many events a second.
    pub(super) fn start(
        seed: u64,
        rate: u64,
        places: &watch::Receiver<Option<SocketAddr>>,
    ) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut senders = JoinSet::new();
        let period = Duration::from_secs(CONNECTIONS) / u32::try_from(rate).unwrap();
        for connection in 0..CONNECTIONS {
            let names = (connection..CUSTOMERS).step_by(usize::try_from(CONNECTIONS).unwrap());
            let sender = Sender {
                stories: names.map(|number| Telling::new(seed, number)).collect(),
                places: places.clone(),
                stop: stopping.clone(),
                client: None,
                acks: Acks::default(),
            };
            senders.spawn(sender.run(period));
        }
        Self { senders, stop }
    }

    /// Stops to send when everything that was begun is acknowledged.
    pub(super) async fn finish(self) -> (Vec<Sent>, Acks) {
        self.stop.send_replace(true);
        let (mut sent, mut acks) = (Vec::new(), Acks::default());
        for (told, mut measured) in self.senders.join_all().await {
            sent.extend(told.into_iter().filter(|told| told.count > 0));
            acks.all.append(&mut measured.all);
            acks.refused += measured.refused;
            acks.lost += measured.lost;
        }
        (sent, acks)
    }
}

struct Sender {
    stories: Vec<Telling>,
    places: watch::Receiver<Option<SocketAddr>>,
    stop: watch::Receiver<bool>,
    client: Option<Client>,
    acks: Acks,
}

impl Sender {
    async fn run(mut self, period: Duration) -> (Vec<Sent>, Acks) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut turn = 0;
        while !*self.stop.borrow() {
            ticks.tick().await;
            turn = (turn + 1) % self.stories.len();
            let event = self.stories[turn].next();
            self.deliver(&event).await;
            self.stories[turn].keep(event);
            if let Some(again) = self.stories[turn].once_more() {
                self.deliver(&again).await;
            }
        }
        (self.stories.into_iter().flat_map(|story| story.sent).collect(), self.acks)
    }

    /// Sends an event until it is acknowledged.
    async fn deliver(&mut self, event: &lifecycle::Event) {
        loop {
            let client = match &mut self.client {
                Some(client) => client,
                none => none.insert(connect(&mut self.places).await),
            };
            let sent_at = Instant::now();
            match timeout(ANSWER_TIMEOUT, client.webhook(&event.body)).await {
                Ok(Ok(answer)) if answer.status == 200 => {
                    self.acks.all.push((sent_at, sent_at.elapsed()));
                    return;
                }
                Ok(Ok(answer)) => {
                    assert_eq!(answer.status, 503, "{answer:?}");
                    self.acks.refused += 1;
                    sleep(RESEND_DELAY).await;
                }
                Ok(Err(_)) | Err(_) => {
                    self.acks.lost += 1;
                    self.client = None;
                }
            }
        }
    }
}

/// A time in which deliveries may be refused or slow, since nothing can be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    from: Instant,
    to: Instant,
}

impl Window {
    /// From then on until deliveries that piled up meanwhile are done, too.
    pub(super) fn until_ready(from: Instant) -> Self {
        Self { from, to: Instant::now() + Duration::from_secs(2) }
    }

    fn has(&self, at: Instant, took: Duration) -> bool {
        at + took >= self.from && at <= self.to
    }
}

/// Acknowledgements: when each was asked for, and how long it took.
#[derive(Default)]
pub(super) struct Acks {
    all: Vec<(Instant, Duration)>,
    refused: usize,
    lost: usize,
}

impl Acks {
    fn outside(&self, windows: &[Window]) -> Vec<Duration> {
        let is_outside =
            |&&(at, took): &&(Instant, Duration)| !windows.iter().any(|it| it.has(at, took));
        let mut times: Vec<_> = self.all.iter().filter(is_outside).map(|(_, took)| *took).collect();
        times.sort_unstable();
        times
    }

    /// The 99th percentile of those that nothing had to hold up.
    pub(super) fn p99_outside(&self, windows: &[Window]) -> Duration {
        quantile(&self.outside(windows), 99)
    }

    /// The figures as text.
    pub(super) fn report(&self, windows: &[Window]) -> String {
        let outside = self.outside(windows);
        let mut text = format!("{} acknowledgements, ", self.all.len());
        let _ = write!(
            text,
            "{} refused, {} without an answer\nack p50 {:.1?}, p99 {:.1?}, max {:.1?} of {} while the \
             disk could be written",
            self.refused,
            self.lost,
            quantile(&outside, 50),
            quantile(&outside, 99),
            outside.last().copied().unwrap_or_default(),
            outside.len(),
        );
        text
    }
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}
