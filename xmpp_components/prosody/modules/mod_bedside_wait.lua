-- On the threads' host: what comes while the component is away for a moment waits for it, in order, instead of being refused.
--
-- The supervisor starts a component that died within a second or two. Some clients (Gajim) show nothing of a group message
-- that the server refused, so that a text typed in that second would be gone. After SECONDS everything is refused as ever.

local jid_bare = require "util.jid".bare;
local st = require "util.stanza";
local now = require "util.time".now;

local SECONDS = module:get_option_number("bedside_wait_seconds", 10);
local MOST, MOST_EACH = 2000, 200;

local component, passing;
local waiting, each, timer = {}, {}, nil;

-- Where several processes serve the threads, mod_bedside_split says which of them serves a stanza.
local processes = module:shared("bedside_split/processes");

local function served(stanza)
	local session = component;
	if processes.serving then session = processes.serving(stanza); end
	return session and not session.destroyed and session.type == "component";
end

-- Hands on what waits, oldest first: to the component, or while there is none to mod_component, which refuses it.
local function release(due)
	local kept = {};
	local before = waiting;
	waiting, each = kept, {};
	passing = true;
	for _, one in ipairs(before) do
		if due(one) then
			prosody.core_post_stanza(one.origin, one.stanza, false);
		else
			kept[#kept + 1] = one;
			each[one.sender] = (each[one.sender] or 0) + 1;
		end
	end
	passing = false;
end

local function look()
	local late = now() - SECONDS;
	release(function (one) return one.at <= late; end);
	timer = #waiting > 0;
	return timer and 1 or nil;
end

local function hold(event)
	local origin, stanza = event.origin, event.stanza;
	if passing or served(stanza) then return; end
	local sender = jid_bare(stanza.attr.from) or "";
	if #waiting >= MOST or (each[sender] or 0) >= MOST_EACH then return; end
	waiting[#waiting + 1] = { origin = origin, stanza = st.clone(stanza), sender = sender, at = now() };
	each[sender] = (each[sender] or 0) + 1;
	if not timer then
		timer = true;
		module:add_timer(1, look);
	end
	return true;
end

for _, name in ipairs({ "message", "presence", "iq" }) do
	for _, part in ipairs({ "full", "bare", "host" }) do
		module:hook(name .. "/" .. part, hold, 10);
	end
end

module:hook("component-authenticated", function (event)
	component = event.session;
	if #waiting > 0 then module:log("info", "%d stanzas waited for the component", #waiting); end
	release(function (one) return served(one.stanza); end);
end);
