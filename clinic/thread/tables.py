"""Tables of threads, memberships, bookmarks and live sessions. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

threads = sa.Table(
    "threads",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),  # "direct" (1:1 and who is included) or "group"
    # Of a direct thread: the two accounts, so that a pair has one thread even when both start it at once.
    sa.Column("pair_key", sa.String(64), unique=True),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("last_entry_at", UtcInstant, nullable=False),
    # Up to which entry the live tail is known to have delivered; it may lag, never lead.
    sa.Column("relayed_seq", sa.BigInteger, nullable=False),
    # Grows when members or titles change. changed_at moves for entries and marks too; a poll looks at both.
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("changed_at", UtcInstant, nullable=False, index=True),
    sa.Column("title", sa.String(200)),  # what staff named it; of a 1:1 for staff only
    sa.Column("status_id", sa.ForeignKey("statuses.id")),
    sa.Column("spoken_at", UtcInstant),  # of the newest entry with a line of its own: the order of staff's list
    sa.Column("claimed_by", sa.ForeignKey("accounts.id")),  # who of the staff said that they answer
    sa.Column("waiting_since", UtcInstant, index=True),  # the oldest message of a patient that staff have not answered
    sa.Column("answer_due_at", UtcInstant, index=True),  # by when staff have promised to answer, until they do; for staff only
    # A member has put the thread away: the next entry brings it back to their list.
    sa.Column("put_away", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("closed_at", UtcInstant),  # of a group that its admin closed: nobody is a member any more
)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("group_admin", sa.Boolean, nullable=False),
    # The shown name, made unique within the thread: what an occupant of the room is called.
    sa.Column("nick", sa.String(210), nullable=False),
    sa.Column("from_seq", sa.BigInteger, nullable=False),  # entries up to this one are not for this member
    sa.Column("delivered_seq", sa.BigInteger, nullable=False),
    sa.Column("read_seq", sa.BigInteger, nullable=False),
    sa.Column("muted", sa.Boolean, nullable=False),
    sa.Column("joined_at", UtcInstant, nullable=False),
    sa.Column("ended_at", UtcInstant),
    sa.Column("put_away_seq", sa.BigInteger, nullable=False, server_default="0"),  # out of one's list until an entry after this
    # Who invited them, so that a mistake can be undone until they have opened the thread.
    sa.Column("invited_by", sa.ForeignKey("accounts.id")),
    sa.Column("opened_at", UtcInstant),
    sa.UniqueConstraint("thread_id", "account_id"),
)

# A group's own address, to be passed on outside: it needs a log-in and then the group admin's approval.
share_links = sa.Table(
    "share_links",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False, index=True),
    sa.Column("token_mac", sa.String(64), nullable=False, unique=True),
    sa.Column("created_by", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("expires_at", UtcInstant, nullable=False),
    sa.Column("revoked_at", UtcInstant),
)

# Who asked to be let in by a share link. accepted: null until the group admin has decided.
share_requests = sa.Table(
    "share_requests",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False, index=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("link_id", sa.ForeignKey("share_links.id"), nullable=False),
    sa.Column("asked_at", UtcInstant, nullable=False),
    sa.Column("decided_at", UtcInstant),
    sa.Column("accepted", sa.Boolean),
)

# What the list of threads that a person's messaging apps share was told last: what the thread is called for them, and they in
# it. Apart from memberships, which every text loads; a row outlives its membership until the list was told of the end.
bookmarks = sa.Table(
    "bookmarks",
    metadata,
    sa.Column("membership_id", sa.ForeignKey("memberships.id"), primary_key=True, autoincrement=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("nick", sa.String(210), nullable=False),
)

# Where a member is live right now: an XMPP client in a thread, a page's feed, a page that has a thread open. Kept so that a
# component that was killed serves everybody again without their doing anything. `key` is kind, thread and address together.
# Whoever serves a thread writes what has a thread; of several processes one writes each feed.
live_sessions = sa.Table(
    "live_sessions",
    metadata,
    sa.Column("key", sa.String(4000), primary_key=True),
    sa.Column("address", sa.String(3100), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),  # "occupant", "page" or "feed"; a feed has no thread
    sa.Column("handle", sa.String(32), nullable=False, index=True),
    sa.Column("thread_uid", sa.String(26)),
    # What the others in the thread were told that they are called; it may be another name by now.
    sa.Column("nick", sa.String(210)),
    sa.Column("since", UtcInstant, nullable=False),
)
