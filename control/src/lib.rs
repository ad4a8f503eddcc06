//! Rooms, participants, tokens: registry, Twirp, REST, webhooks
