-- Copies one stanza to many sessions: a room has each entry parsed here once, not once for everybody present.
--
-- The threads component asks on its own stream whether this is offered:
--   <iq type='get' to='HOST'><fanout xmlns='urn:bedside:server:1'/></iq>
-- and then sends messages and presence as
--   <message from='ROOM/NICK' to='HOST' ...>...<fanout xmlns='urn:bedside:server:1'>FULL JID (one a line) ...</fanout></message>
-- From anybody else such a stanza is one like any other. Whoever is not there is bounced as if sent to by itself.

local st = require "util.stanza";
local xml_escape = st.xml_escape;

local xmlns = "urn:bedside:server:1";
local trusted = assert(module:get_option_string("bedside_threads_host"), "bedside_threads_host is not set");
local full_sessions = prosody.full_sessions;

-- Whether what goes out to a session is looked at as a stanza (by smacks, csi, websocket), or only as text.
local function looked_at(session)
	local found = session.filters and session.filters["stanzas/out"];
	return found and #found > 0;
end

-- A stanza of its own at the top; below it the children are shared, as nobody changes them.
local function addressed(stanza, address)
	local copy, attr = { name = stanza.name, tags = stanza.tags }, {};
	for name, value in pairs(stanza.attr) do attr[name] = value; end
	for index = 1, #stanza do copy[index] = stanza[index]; end
	attr.to, copy.attr = address, attr;
	return setmetatable(copy, st.stanza_mt);
end

local function fan_out(event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type ~= "component" or origin.host ~= trusted then return; end
	local recipients = stanza:get_child_text("fanout", xmlns);
	if not recipients then return; end
	stanza:remove_children("fanout", xmlns);
	stanza.attr.to, stanza.attr.xmlns = nil, nil;
	local start, rest = "<"..stanza.name.." to='";
	for address in recipients:gmatch("[^\n]+") do
		local session = full_sessions[address];
		if not session then
			prosody.core_post_stanza(origin, st.clone(addressed(stanza, address)));
		elseif looked_at(session) then
			session.send(addressed(stanza, address));
		else
			rest = rest or "'"..tostring(stanza):sub(#stanza.name + 2);
			session.send(start..xml_escape(address)..rest);
		end
	end
	return true;
end

module:hook("message/host", fan_out, 10);
module:hook("presence/host", fan_out, 10);

module:hook("iq-get/host/" .. xmlns .. ":fanout", function (event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type == "component" and stanza.attr.from == trusted then
		origin.send(st.reply(stanza));
	else
		origin.send(st.error_reply(stanza, "auth", "forbidden", "Only the clinic's own server sends to many at once."));
	end
	return true;
end);
