package fetch

import (
	"log/slog"

	"fetchd/fetch/login"
)

// LevelDetail is the level of what -v adds. It lies between info and debug.
const LevelDetail = slog.LevelInfo - 1

// Events are the constant message texts of what a retrieval logs; package main turns them into fetchmail's
// wording. Attributes, where they apply: account (string), poll, mailbox, uid, n (its number in this
// retrieval, from 1), total (of a mailbox, or of what n counts), size (octets as the server says them), seen,
// err. An event at info is at LevelDetail if it is no news.
const (
	EventConnected   = login.EventConnected         // debug: account, host, tls
	EventTLS         = login.EventTLS               // info: account, verdict (*tlsverify.Verdict)
	EventMailbox     = "mailbox status"             // info or detail: account mailbox total seen size
	EventRenumbered  = "mailbox renumbered"         // warn: account mailbox old new: all not \Seen is new
	EventRewound     = "mailbox rewound"            // warn: account mailbox next known: UIDs are used again
	EventOld         = "old at first contact"       // info: account mailbox count: \Seen, so not retrieved
	EventLimit       = "fetchlimit reached"         // info: account limit count: so many are left for later
	EventMisnamed    = "mailbox left out"           // warn: account mailbox (quoted, can't be decoded)
	EventNotExpunged = "deleted mail of others"     // warn: account mailbox others: ours is marked only
	EventReused      = "UIDs used again"            // warn: account mailbox count: those are new
	EventSameUIDL    = "UIDL used twice"            // warn: account mailbox count, or n and uid of one
	EventUnlisted    = "messages not listed"        // warn: account mailbox count: they stay
	EventStandIn     = "stand-in for a message"     // warn: account mailbox count: the originals stay
	EventShort       = "far shorter than announced" // warn: account mailbox count: the originals stay
	EventDoubted     = "sent, and then refused"     // warn: account mailbox count: the originals stay
	EventKept        = "deleted mail stays"         // warn: account mailbox count: deleted again next time
	EventBack        = "deleted mail is back"       // warn: account mailbox count: it is deleted again
	EventAlert       = "alert of the server"        // warn: account text: for the user to read
	EventNoMail      = "no mail"                    // info or detail: account mailbox
	EventReading     = "message delivered"          // info: account mailbox n total size uid deleted(bool)
	// info or detail: account mailbox n total size uid deleted
	EventOversized = "message too large"
	EventExcluded  = "messages excluded" // info: account mailbox count: they stay, for good
	// warn: account mailbox uid to err: it counts as delivered
	EventEnclosed = "refused message enclosed"
	// warn: account mailbox uid to err: the message stays
	EventNotEnclosed = "notice refused too"
	EventFailed      = "message not delivered"      // error: account mailbox n total size uid err
	EventNobodys     = "message for no local user"  // warn: account mailbox n total uid: it is discarded
	EventRecognised  = "mail was delivered before"  // info: account mailbox count adopted: it is not again
	EventExpired     = "old mail is removed"        // info: account mailbox count days
	EventBrake       = "too much mail to remove"    // warn: account mailbox count total: it stays
	EventFailedMore  = "others not delivered"       // as EventFailed: account mailbox count
	EventSetAside    = "refused messages set aside" // warn: account mailbox count: tried again in a day
	// warn: account mailbox uid size count err: sessions end there
	EventObstacle    = "message can't be had"
	EventNotice      = "notice delivered"       // info: account subject
	EventNoticeLost  = "notice not delivered"   // warn: account subject err
	EventForgotten   = "set aside is not known" // warn: account err: it is tried again
	EventNotKept     = "set aside is not kept"  // warn: account err: a new daemon tries it again
	EventPanic       = "internal error"         // debug: account, value, stack
	EventDone        = "retrieval ended"        // debug: account result (a Result)
	EventQueryFailed = "retrieval failed"       // error: account err kind
)
