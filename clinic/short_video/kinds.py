"""The kinds `video-request`, `video`, `video-withdrawn`, `video-reopened` and `video-became`: what a thread says of short videos.

Imports clinic only.

A request is for the patient who is asked and for staff. Its entry reads as the request stands now: what comes later is folded into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from clinic.file.kinds import FILE_NS, file_xml, time_in_words
from clinic.file.uploading import VIDEO_SECONDS
from clinic.kinds import Ask, SharedFile, kind
from clinic.log import Entry
from clinic.requests import WITHDRAWN_BECAUSE, reads, sentence

VIDEO_NS = "urn:bedside:video:1"


class State(StrEnum):
    """Where a request for a short video stands."""

    OPEN = "open"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    TAKEN_BACK = "taken-back"  # the video that answered it, where nobody waits for another one


STANDS = {State.OPEN: "Waits for the video.", State.DONE: "Sent.", State.WITHDRAWN: "Withdrawn.", State.TAKEN_BACK: "Sent, then taken back."}
"""What a request's card says of its state, in words."""
BY_MESSAGE = "Or send a video in this thread from your app."
ALONE = "Only you and the clinic's staff see it, unless you show it to the others."


def page_of(request: str) -> str:
    """Return the path of the page where a request is answered."""
    return f"/videos/{request}"


def _request_xml(payload: VideoRequest) -> str:
    given = {"request": payload.request, "state": payload.state, "seconds": str(VIDEO_SECONDS)}
    attributes = " ".join(f"{key}={quoteattr(value)}" for key, value in given.items())
    return f"<video-request xmlns='{VIDEO_NS}' {attributes}>{escape(payload.text)}</video-request>"


@kind("video-request", fragment="video_request.html", ns=VIDEO_NS, xml=_request_xml)
@dataclass(frozen=True, slots=True)
class VideoRequest:
    """Staff ask a patient for a short video. request: its uid. by, patient: what they are called in the thread. text: what to show, or "".

    several: other patients were in the thread. state: a State, as later entries have made it.
    """

    request: str
    by: str
    patient: str
    text: str = ""
    several: bool = False
    state: str = State.OPEN

    @property
    def stands(self) -> str:
        """Where the request stands, in words."""
        return STANDS[State(self.state)]

    @property
    def body(self) -> str:
        waits = f"It takes at most {VIDEO_SECONDS} seconds." if self.state == State.OPEN else self.stands
        return self._words(f"{self.by} asks {self.patient} for a short video", waits)

    @property
    def to_addressee(self) -> str:
        if self.state != State.OPEN:
            return self._words(f"{self.by} asked you for a short video", self.stands)
        alone = f" {ALONE}" if self.several else ""
        return self._words(f"{self.by} asks you for a short video", f"It takes at most {VIDEO_SECONDS} seconds.{alone} {BY_MESSAGE}")

    def _words(self, asked: str, then: str) -> str:
        if not self.text:
            return f"{asked}. {then}"
        return f"{asked}: {sentence(self.text)} {then}"

    @property
    def doable(self) -> frozenset[str]:
        """The actions that its entry has buttons for as the request stands, for whoever may do them."""
        return frozenset({"video.begin", "video.withdraw"} if self.state == State.OPEN else ())

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What the patient is asked: to record or choose a video, on a page of its own."""
        if self.state != State.OPEN:
            return ()
        return (Ask("Record or upload:", "video.begin", {"request": self.request}, page_of(self.request)),)


@kind("video", fragment="video.html", ns=FILE_NS, xml=lambda payload: file_xml(payload, "video"), retractable=True, found_as="Short video")
@dataclass(frozen=True, slots=True)
class VideoPayload:
    """A short video. file: its uid. duration_ms, width, height: by its content. request: which it answers, where its readers know of that.

    thumb: whether there is a small picture of it. private: of several patients only the one who sent it sees it. shown: they let all see it.
    """

    file: str
    name: str
    media_type: str
    size_bytes: int
    duration_ms: int
    width: int = 0
    height: int = 0
    request: str = ""
    thumb: bool = False
    private: bool = False
    shown: bool = False

    @property
    def length(self) -> str:
        """How long it is: "0:31"."""
        return time_in_words(self.duration_ms)

    @property
    def shared_file(self) -> SharedFile:
        """The film as links serve it."""
        return SharedFile(self.file, self.name, self.media_type, self.size_bytes, self.width, self.height, self.duration_ms)

    @property
    def body(self) -> str:
        return f"Short video ({self.length})"

    @property
    def doable(self) -> frozenset[str]:
        """What its entry has a button for: to show it to the others."""
        return frozenset({"video.show"} if self.private and not self.shown else ())


def _withdrawn(entry: Entry, _later: Entry) -> Entry:
    return reads(entry, VideoRequest, state=State.WITHDRAWN)


@kind("video-withdrawn", fragment="video_withdrawn.html", changes=_withdrawn, says_who=True)
@dataclass(frozen=True, slots=True)
class VideoWithdrawn:
    """A request was taken back. by: a shown name, "" where it withdrew by itself, and why then: a key of WITHDRAWN_BECAUSE."""

    request: str
    by: str = ""
    why: str = ""

    @property
    def body(self) -> str:
        if self.by:
            return f"{self.by} withdrew the request for a short video. Nothing needs to be sent."
        return f"The request for a short video was withdrawn.{WITHDRAWN_BECAUSE.get(self.why, '')} Nothing needs to be sent."


def _reopened(entry: Entry, later: Entry) -> Entry:
    return reads(entry, VideoRequest, state=State.OPEN if later.payload.waits else State.TAKEN_BACK)


@kind("video-reopened", fragment="video_reopened.html", changes=_reopened, says_who=True)
@dataclass(frozen=True, slots=True)
class VideoReopened:
    """The video that answered a request was taken back. by: who removed it, a shown name, where it was not the patient.

    patient: what they are called in the thread. waits: the request is open again; otherwise nobody waits for another video.
    """

    request: str
    patient: str
    by: str = ""
    waits: bool = True

    @property
    def body(self) -> str:
        gone = f"{self.by} removed the short video of {self.patient}." if self.by else f"{self.patient} took the short video back."
        return f"{gone} {'The request for it is open again.' if self.waits else 'The request for it stays closed.'}"

    @property
    def to_addressee(self) -> str:
        gone = f"{self.by} removed your short video." if self.by else "You took your short video back."
        return f"{gone} {f'You can send another one. {BY_MESSAGE}' if self.waits else 'Nothing more needs to be sent for this request.'}"

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What the patient may do then, as where they were asked first."""
        return (Ask("Record or upload:", "video.begin", {"request": self.request}, page_of(self.request)),) if self.waits else ()


def _became(entry: Entry, later: Entry) -> Entry:
    return reads(reads(entry, VideoRequest, state=State.DONE), VideoPayload, shown=later.payload.shown)


@kind("video-became", fragment="amending.html", changes=_became, amends=True)
@dataclass(frozen=True, slots=True)
class VideoBecame:
    """A request was answered, or the video that only its patient and staff saw is shown to all. The video itself is another entry.

    shown: False where what it was shown as was taken back: only they see it again.
    """

    request: str
    shown: bool = True

    @property
    def body(self) -> str:
        return "The short video was sent." if self.shown else "The short video is not shown to everybody any more."
