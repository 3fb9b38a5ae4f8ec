package delivery

import (
	"context"
	"strings"
	"sync"

	"fetchd/fetch/login/imapline"
	"fetchd/tlsverify/hints"
)

// FolderPlace, as the last part of a Maildir's path, stands for the folder that a message comes from.
const FolderPlace = "%folder"

// maildirFolder is an empty file that marks a directory as a folder of the Maildir above it (Maildir++).
const maildirFolder = "maildirfolder"

// MaildirFolders delivers into a Maildir and its folders (Maildir++): INBOX and POP3 into the Maildir itself,
// and what comes from another folder into the one of the same name. Missing ones are made. It is safe for
// concurrent use.
type MaildirFolders struct {
	o MaildirOptions

	mu   sync.Mutex // guards what follows
	made map[string]*Maildir
}

// NewMaildirFolders returns a Deliverer into the Maildir o.Dir and its folders.
func NewMaildirFolders(o MaildirOptions) *MaildirFolders {
	return &MaildirFolders{o: o, made: map[string]*Maildir{}}
}

func (d *MaildirFolders) String() string { return NewMaildir(d.o).String() + "/" + FolderPlace }

// KeepsMarks implements MarkKeeper.
func (d *MaildirFolders) KeepsMarks() bool { return d.o.KeepsMarks() }

// KeepsFolders implements FolderKeeper.
func (d *MaildirFolders) KeepsFolders() bool { return true }

// Deliver implements Deliverer.
func (d *MaildirFolders) Deliver(ctx context.Context, m *Message) error {
	return d.DeliverGroup(ctx, []*Message{m})[0]
}

// DeliverGroup implements GroupDeliverer. What comes from one folder is one group.
func (d *MaildirFolders) DeliverGroup(ctx context.Context, ms []*Message) []error {
	errs := make([]error, len(ms))
	done := make([]bool, len(ms))
	for i, m := range ms {
		if done[i] {
			continue
		}

		var group []*Message
		var index []int
		for k := i; k < len(ms); k++ {
			if ms[k].Mailbox == m.Mailbox {
				group, index, done[k] = append(group, ms[k]), append(index, k), true
			}
		}
		for k, err := range d.deliverFrom(ctx, m.Mailbox, m.Separator, group) {
			errs[index[k]] = err
		}
	}
	return errs
}

// deliverFrom delivers messages that come from one folder.
func (d *MaildirFolders) deliverFrom(ctx context.Context, mailbox, separator string, ms []*Message) []error {
	name, ok := folderName(mailbox, separator)
	if !ok {
		errs := make([]error, len(ms))
		for i := range errs {
			errs[i] = &Error{Class: Permanent, Err: hints.Errorf(
				"give it a shorter name on the server, or its mail another place by folderdeliver",
				"%s: there can be no folder of the name %.100q", d, mailbox)}
		}
		return errs
	}

	errs := d.of(name).DeliverGroup(ctx, ms)
	for i, err := range errs {
		// Unusable would end the whole retrieval, for all folders' mail.
		if err != nil && name != "" && isOfPlace(err) && d.of("").isWritable() {
			errs[i] = &Error{Class: Temporary, Err: err}
		}
	}
	return errs
}

// isOfPlace tells whether err is that of a place as such, and not of the disk that it is on.
func isOfPlace(err error) bool { return ClassOf(err) == Unusable && !LacksRoom(err) }

// of is the Maildir of that name in the Maildir.
func (d *MaildirFolders) of(name string) *Maildir {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made[name] == nil {
		o := d.o
		if name != "" {
			o.above = o.Dir
			o.Dir += "/" + name
		}
		d.made[name] = NewMaildir(o)
	}
	return d.made[name]
}

// folderName is the directory that a mailbox has in a Maildir++, "" for the Maildir itself. It begins with a
// dot, which also stands between the levels of the name; the rest is modified UTF-7, as Dovecot and Courier
// have it. So it never leads anywhere else. It is not ok if nothing of the name is left, or if it is longer
// than a file's name may be.
//
// separator is what stands between the levels on the server. Then "." and "/" within a level are written as
// %2e and %2f, so that two mailboxes are two directories. If it is not known, "", both stand between levels.
func folderName(mailbox, separator string) (dir string, ok bool) {
	if mailbox == "" || strings.EqualFold(mailbox, "INBOX") {
		return "", true
	}

	isBetween := func(r rune) bool { return r == '/' || r == '.' }
	if separator != "" {
		isBetween = func(r rune) bool { return string(r) == separator }
	}
	levels := strings.FieldsFunc(imapline.DecodeName(mailbox), isBetween)
	if len(levels) > 1 && strings.EqualFold(levels[0], "INBOX") { // as servers put all folders below it
		levels = levels[1:]
	}
	for _, level := range levels {
		dir += "." + imapline.EncodeName(withinLevel.Replace(level))
	}
	return dir, dir != "" && len(dir) <= fileNameMost
}

// withinLevel writes what would divide a level. What looks as if it were written so is written too, or it
// would be another's name.
var withinLevel = strings.NewReplacer(".", "%2e", "/", "%2f", "%2e", "%252e", "%2f", "%252f", "%25", "%2525")
