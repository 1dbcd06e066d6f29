-- An account has no archive of its own: what was written is in the archives of its threads. Said in the form in which clients ask.
--
-- COMPAT: Dino 0.4 ends itself on joining a room that has an archive when the account has none (XEP-0313).

local st = require "util.stanza";

local xmlns_mam, xmlns_rsm = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm";

module:hook("account-disco-info", function (event)
	(event.reply or event.stanza):tag("feature", { var = xmlns_mam }):up();
end);

module:hook("iq-set/self/" .. xmlns_mam .. ":query", function (event)
	event.origin.send(st.reply(event.stanza)
		:tag("fin", { xmlns = xmlns_mam, complete = "true" })
			:tag("set", { xmlns = xmlns_rsm }):tag("count"):text("0"));
	return true;
end);

-- Whatever is wished for, nothing is kept here.
local function preferences(event)
	event.origin.send(st.reply(event.stanza)
		:tag("prefs", { xmlns = xmlns_mam, default = "never" })
			:tag("always"):up():tag("never"));
	return true;
end

module:hook("iq-get/self/" .. xmlns_mam .. ":prefs", preferences);
module:hook("iq-set/self/" .. xmlns_mam .. ":prefs", preferences);
