-- On the threads' host, where several processes serve the threads: each is given what comes for its own, and addresses do not
-- depend on how many there are. Without `bedside_split_secrets` nothing here acts: one component serves everything.
--
-- A process is known by its secret (XEP-0114): the list holds one for each, in order. Which process serves an address follows from
-- the address's node alone (xmpp_components/share.py says the same). What is for the host itself goes to the first that is there.
-- A feed has its process too, which answers; but the news in a feed come from all of them, so that all are told of tabs, and one
-- that comes back is told again of those that are there, with an element `again`: it answers only what it did not know.
-- What comes while a process is away waits for that process (mod_bedside_wait), and the others go on.

local hashes = require "util.hashes";
local jid_split = require "util.jid".split;
local now = require "util.time".now;
local st = require "util.stanza";

local xmlns, xmlns_feed, feed_prefix = "urn:bedside:server:1", "urn:bedside:feed:1", "feed-";
local longest_thread = 26;

local secrets = module:get_option_array("bedside_split_secrets", {});
local away_seconds = module:get_option_number("bedside_wait_seconds", 10);
if #secrets == 0 then return; end

local processes, away_since = {}, {};
for number = 1, #secrets do away_since[number] = now(); end

-- The tabs that are there: full JID of the session → its feed and the thread that it has open.
local tabs = {};

local function process_of(node)
	return tonumber(hashes.sha256(node, true):sub(1, 8), 16) % #secrets + 1;
end

local function first_there()
	for number = 1, #secrets do
		if processes[number] then return number; end
	end
	return 1;
end

-- Whether this tells of a session's own tab: that it is there, that it is gone, or that it cannot be reached.
local function about_a_tab(stanza, node)
	local kind = stanza.attr.type;
	if kind ~= "error" and (stanza.name ~= "presence" or (kind and kind ~= "unavailable")) then return false; end
	local from_node, _, resource = jid_split(stanza.attr.from);
	return stanza.name ~= "iq" and resource and node == feed_prefix..(from_node or "");
end

-- Returns the number of the process whose a stanza is, and whether the others are to be told too.
local function process_for(stanza)
	local node = jid_split(stanza.attr.to);
	if not node then return first_there(), false; end
	if node:sub(1, #feed_prefix) ~= feed_prefix then return process_of(node), false; end
	if about_a_tab(stanza, node) then return process_of(node), true; end
	local typing = stanza.name == "message" and stanza:get_child("typing", xmlns_feed);
	return process_of(typing and typing.attr.thread or node), false;
end

local function some_away_for_long()
	local late = now() - away_seconds;
	for number = 1, #secrets do
		if not processes[number] and away_since[number] <= late then return true; end
	end
	return false;
end

local function note_tab(stanza)
	local from, feed = stanza.attr.from, stanza:get_child("feed", xmlns_feed);
	if stanza.attr.type then
		tabs[from] = nil;
	elseif feed then
		local thread = feed.attr.thread;
		tabs[from] = { feed = stanza.attr.to, thread = thread and #thread <= longest_thread and thread or nil };
	end
end

local function tell_of_tabs(session)
	for from, tab in pairs(tabs) do
		session.send(st.presence({ from = from, to = tab.feed })
			:tag("feed", { xmlns = xmlns_feed, thread = tab.thread }):up()
			:tag("again", { xmlns = xmlns }):up());
	end
end

-- A page that is told that it is served relies on news of all threads: while a process is away for long, it is not told so.
local function to_all(stanza)
	if not stanza.attr.type and some_away_for_long() then return false; end
	note_tab(stanza);
	local text, sent = tostring(stanza), false;
	for _, session in pairs(processes) do
		session.send(text);
		sent = true;
	end
	return sent;
end

-- What nobody is there for falls through to mod_component, which refuses it.
local function hand_over(event)
	local stanza = event.stanza;
	local number, others_too = process_for(stanza);
	stanza.attr.xmlns = nil;
	if others_too then return to_all(stanza) or nil; end
	local session = processes[number];
	if not session then return; end
	session.send(stanza);
	return true;
end

for _, name in ipairs({ "message", "presence", "iq" }) do
	for _, part in ipairs({ "full", "bare", "host" }) do
		module:hook(name .. "/" .. part, hand_over, 5);
	end
end

module:shared("bedside_split/processes").serving = function (stanza)
	return processes[process_for(stanza)];
end

local function number_of(session, token)
	for number, secret in ipairs(secrets) do
		if hashes.sha1(session.streamid..secret, true) == token then return number; end
	end
end

-- In place of mod_component's own answer, which knows one connection. Whoever passes may speak for this host and for no other.
module:hook("stanza/jabber:component:accept:handshake", function (event)
	local session, handshake = event.origin, event.stanza;
	if session.type ~= "component_unauthed" then return; end
	local number = number_of(session, (handshake:get_text() or ""):lower());
	if not number then
		module:log("info", "Refused a process: its secret is none of these");
		session:close({ condition = "not-authorized", text = "This is the secret of none of the processes" });
		return true;
	end
	if processes[number] then
		processes[number]:close({ condition = "conflict", text = "Replaced by a new connection" });
	end
	processes[number], away_since[number] = session, nil;
	session.type, session.component_validate_from = "component", true;
	session.send(st.stanza("handshake"));
	module:log("info", "Process %d of %d is there", number, #secrets);
	tell_of_tabs(session);
	module:fire_event("component-authenticated", { session = session });
	return true;
end);

module:hook("component-disconnected", function (event)
	for number, session in pairs(processes) do
		if session == event.session then
			processes[number], away_since[number] = nil, now();
			module:log("info", "Process %d of %d is away", number, #secrets);
		end
	end
end);
