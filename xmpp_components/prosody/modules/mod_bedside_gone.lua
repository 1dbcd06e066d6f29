-- Says to the threads component of a leave whether the client said it itself, or the server for a session that has ended:
--   <presence type='unavailable' ...><gone xmlns='urn:bedside:server:1'/></presence>
-- Nobody is left to hear the answer then, but for a new session under the same address, as of an app that was killed and starts again:
-- it would take the answer for one to the join that it has just sent, and show a room that it is not in.
-- So too what that session has not taken of a room is not sent back: that it is gone is said once.

local jid_host = require "util.jid".host;

local xmlns = "urn:bedside:server:1";
local threads_host = assert(module:get_option_string("bedside_threads_host"), "bedside_threads_host is not set");

local function leave(event)
	local stanza = event.stanza;
	if stanza.attr.type ~= "unavailable" or jid_host(stanza.attr.to) ~= threads_host then return; end
	stanza:remove_children("gone", xmlns);
	if event.origin.destroyed then stanza:tag("gone", { xmlns = xmlns }):up(); end
end

for _, target in ipairs({ "full", "bare" }) do
	module:hook("pre-presence/" .. target, leave, 10);
end

module:hook("delivery/failure", function (event)
	local stanza = event.stanza;
	return stanza.attr.type == "groupchat" and jid_host(stanza.attr.from) == threads_host or nil;
end, 10);
