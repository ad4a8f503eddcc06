//! Who joins which room, in which order, and what is to be expected of it.

use crate::figures::distrust::Expected;
use crate::scenario::{Scenario, Shape, Tracks};
use crate::target::JoinSpec;

/// Everybody of a scenario. A stage is joined when the one before it is complete, so that whoever joins to hear somebody
/// finds them there.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    pub stages: Vec<Vec<Seat>>,
}

#[derive(Clone, Debug)]
pub struct Seat {
    pub spec: JoinSpec,
    /// Somebody who publishes is already there: the first packet can be waited for.
    pub hears: bool,
}

impl Cast {
    /// Of scenarios where nobody comes or goes; of others nobody.
    pub fn of(scenario: &Scenario, tracks: &Tracks, data: bool) -> Cast {
        match &scenario.shape {
            Shape::Fanout(it) | Shape::Audio(it) => {
                Cast::fanout("room", it.publishers, it.subscribers, tracks, data)
            }
            Shape::Meeting(it) => Cast::rooms("meeting", 1, &[it.people], tracks, data),
            Shape::Consultations(it) => Cast::rooms("room", it.rooms, &it.people, tracks, data),
            _ => Cast::default(),
        }
    }

    pub fn fanout(room: &str, publishers: u32, subscribers: u32, tracks: &Tracks, data: bool) -> Cast {
        let speaker = |number| Seat {
            spec: JoinSpec {
                room: room.to_owned(),
                identity: format!("speaker-{number}"),
                publish: tracks.specs(),
                subscribe: false,
                data,
            },
            hears: false,
        };
        let listener = |number| Seat {
            spec: JoinSpec {
                room: room.to_owned(),
                identity: format!("listener-{number}"),
                publish: Vec::new(),
                subscribe: true,
                data,
            },
            hears: true,
        };
        Cast {
            stages: vec![(0..publishers).map(speaker).collect(), (0..subscribers).map(listener).collect()],
        }
    }

    /// `people` is taken in turn.
    pub fn rooms(name: &str, rooms: u32, people: &[u32], tracks: &Tracks, data: bool) -> Cast {
        Cast::rooms_from(name, 0, rooms, people, tracks, data)
    }

    /// Rooms number `first` to `first + count - 1`.
    pub fn rooms_from(
        name: &str,
        first: u32,
        count: u32,
        people: &[u32],
        tracks: &Tracks,
        data: bool,
    ) -> Cast {
        let most = people.iter().copied().max().unwrap_or(0);
        let mut stages = vec![Vec::new(); most as usize];
        for room in first..first + count {
            let people = people.get(room as usize % people.len().max(1)).copied().unwrap_or(0);
            for (person, stage) in (0..people).zip(&mut stages) {
                stage.push(Seat {
                    spec: JoinSpec {
                        room: format!("{name}-{room}"),
                        identity: format!("person-{room}-{person}"),
                        publish: tracks.specs(),
                        subscribe: true,
                        data,
                    },
                    hears: person > 0,
                });
            }
        }
        Cast { stages }
    }

    fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.stages.iter().flatten()
    }

    pub fn people(&self) -> usize {
        self.seats().count()
    }

    pub fn subscribers(&self) -> usize {
        self.seats().filter(|seat| seat.spec.subscribe).count()
    }

    fn publishers(&self) -> usize {
        self.seats().filter(|seat| !seat.spec.publish.is_empty()).count()
    }

    /// Subscribers of a publisher, on average.
    pub fn fan_out(&self) -> f64 {
        let rooms = |seats: &mut dyn Iterator<Item = &Seat>| {
            let mut counts = std::collections::HashMap::<String, u32>::new();
            for seat in seats {
                *counts.entry(seat.spec.room.clone()).or_default() += 1;
            }
            counts
        };
        let listening = rooms(&mut self.seats().filter(|seat| seat.spec.subscribe));
        let heard: f64 = self
            .seats()
            .filter(|seat| !seat.spec.publish.is_empty())
            .map(|seat| {
                let others = listening.get(&seat.spec.room).copied().unwrap_or(0);
                f64::from(others.saturating_sub(u32::from(seat.spec.subscribe)))
            })
            .sum();
        heard / self.publishers().max(1) as f64
    }

    pub fn expected(&self, tracks: &Tracks) -> Expected {
        // Of simulcast, a subscriber gets one encoding of three, and which one is the server's choice.
        let one_encoding = !tracks.video.as_ref().is_some_and(|video| video.simulcast);
        Expected {
            offered_per_second: Some(self.publishers() as f64 * tracks.packets_per_second()),
            fan_out: one_encoding.then(|| self.fan_out()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracks() -> Tracks {
        Scenario::find("fanout-200", None).unwrap().tracks
    }

    #[test]
    fn publishers_are_there_before_those_who_hear_them() {
        let cast = Cast::fanout("r", 2, 5, &tracks(), true);
        assert_eq!((cast.people(), cast.subscribers(), cast.fan_out()), (7, 5, 5.0));
        assert!(cast.stages[0].iter().all(|seat| !seat.hears && !seat.spec.subscribe));
        assert!(cast.stages[1].iter().all(|seat| seat.hears && seat.spec.publish.is_empty()));
    }

    #[test]
    fn in_a_meeting_everybody_hears_all_others() {
        let cast = Cast::of(&Scenario::find("meeting-8", None).unwrap(), &tracks(), true);
        assert_eq!((cast.people(), cast.subscribers(), cast.fan_out()), (8, 8, 7.0));
        assert_eq!(cast.stages.len(), 8);
    }

    #[test]
    fn rooms_of_two_and_three_take_turns_and_their_fan_out_is_the_average() {
        let cast = Cast::rooms("r", 3, &[2, 2, 3], &tracks(), true);
        assert_eq!(cast.people(), 7);
        assert!((cast.fan_out() - (4.0 * 1.0 + 3.0 * 2.0) / 7.0).abs() < 1e-9);
    }

    #[test]
    fn identities_are_unique() {
        let cast = Cast::rooms("r", 40, &[2, 3], &tracks(), true);
        let names: std::collections::HashSet<&str> =
            cast.seats().map(|seat| seat.spec.identity.as_str()).collect();
        assert_eq!(names.len(), cast.people());
    }

    #[test]
    fn what_is_offered_follows_from_the_publishers() {
        let cast = Cast::fanout("r", 2, 5, &tracks(), true);
        let expected = cast.expected(&tracks());
        assert_eq!(expected.offered_per_second, Some(460.0));
        assert_eq!(expected.fan_out, Some(5.0));
    }
}
