-- What is kept for who is offline: invitations of the clinic's threads, nothing else.
--
-- Those that need not be kept say so (XEP-0334). Messages of a thread are in its archive. What a client sends to its own account must not fill the disk.

local jid = require "util.jid";

local threads_host = assert(module:get_option_string("bedside_threads_host"), "bedside_threads_host is not set");

module:hook("message/offline/handle", function (event)
	local _, host = jid.split(event.stanza.attr.from);
	if host ~= threads_host then return false; end
	if event.stanza:get_child("no-store", "urn:xmpp:hints") then return true; end
end, 10);
