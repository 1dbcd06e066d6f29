-- Knows every session that passed log-in: ends those of a revoked device or a deactivated account, live and hibernating
-- (XEP-0198) alike, says which are still there, and lets nobody pile up more than they need.
--
-- The threads component asks on its own stream:
--   <iq type='set' to='HOST'><disconnect xmlns='urn:bedside:server:1' user='HANDLE' device='UID'/></iq>
-- without `device`: every session of the account. The answer carries how many were ended.
--   <iq type='get' to='HOST'><sessions xmlns='urn:bedside:server:1'><session jid='FULL JID'/>...</sessions></iq>
-- The answer names those that are not there as <gone jid='FULL JID'/>. One that hibernates is there: it only does not answer.

local now = require "util.time".now;
local st = require "util.stanza";
local timer = require "util.timer";

local xmlns = "urn:bedside:server:1";
local trusted = assert(module:get_option_string("bedside_threads_host"), "bedside_threads_host is not set");
local reason = { condition = "not-authorized", text = "This device was revoked" };
local remember_seconds = 30;

-- How many sessions may be there at once. To a page its browser is the device, and each tab a session.
local most = {
	device = { of_one = 5; together = 20 };
	page = { of_one = 30; together = 60 };
};
local too_many = { condition = "policy-violation", text = "This device was connected too many times at once: its oldest connection was closed" };

-- Every session that passed log-in, by account, also those that have no resource yet.
local sessions = setmetatable({}, {
	__index = function (accounts, username)
		accounts[username] = setmetatable({}, { __mode = "k" });
		return accounts[username];
	end;
});

-- Revocations of the last seconds: a log-in that was checked before one of them must not slip through after it.
local recent = {};

local function key(username, device) return username .. "\0" .. (device or ""); end

local function forget(entry, at)
	if recent[entry] == at then recent[entry] = nil; end
end

local function revoked_meanwhile(session)
	local checked = session.bedside_checked_at or 0;
	local device = recent[key(session.username, session.bedside_device)];
	local account = recent[key(session.username)];
	return (device and device >= checked) or (account and account >= checked);
end

local function kind(session) return session.bedside_device:sub(1, 5) == "page:" and "page" or "device"; end

-- Pages and devices do not crowd each other out. A session without a resource may be about to resume one that hibernates.
local function alike(one, other)
	return not other.destroyed and kind(one) == kind(other) and (one.resource == nil) == (other.resource == nil);
end

-- Nobody looks at a session that hibernates; among the rest it is the device that logged in longest ago.
local function goes_first(one, other)
	if (one.hibernating == nil) ~= (other.hibernating == nil) then return one.hibernating ~= nil; end
	return one.bedside_checked_at < other.bedside_checked_at;
end

local function make_room(session, limit, device)
	local others = {};
	for other in pairs(sessions[session.username]) do
		if other ~= session and alike(session, other) and (not device or other.bedside_device == device) then
			others[#others + 1] = other;
		end
	end
	table.sort(others, goes_first);
	for i = 1, #others + 1 - limit do
		module:log("info", "Ended a session of %s: too many", session.username);
		others[i]:close(too_many);
	end
end

local function keep_few(session)
	local limits = most[kind(session)];
	make_room(session, limits.of_one, session.bedside_device);
	make_room(session, limits.together);
end

module:hook("authentication-success", function (event)
	local session = event.session;
	sessions[session.username][session] = true;
	if revoked_meanwhile(session) then
		timer.add_task(0, function () session:close(reason); end);
	end
	keep_few(session);
end);

module:hook("resource-bind", function (event) keep_few(event.session); end);

-- A resumed session goes on with the device that logged in now.
module:hook("smacks-hibernation-end", function (event)
	local session, resumed = event.origin, event.resumed;
	resumed.bedside_device, resumed.bedside_checked_at = session.bedside_device, session.bedside_checked_at;
	sessions[resumed.username][session], sessions[resumed.username][resumed] = nil, true;
	keep_few(resumed);
end);

local function end_sessions(username, device)
	local found = {};
	for session in pairs(sessions[username]) do
		if not session.destroyed and (not device or session.bedside_device == device) then
			found[#found + 1] = session;
		end
	end
	for _, session in ipairs(found) do
		sessions[username][session] = nil;
		session:close(reason);
	end
	return #found;
end

local function refused(origin, stanza)
	if origin.type == "component" and stanza.attr.from == trusted then return false; end
	origin.send(st.error_reply(stanza, "auth", "forbidden", "Only the clinic's own server may look after sessions."));
	return true;
end

module:hook("iq-get/host/" .. xmlns .. ":sessions", function (event)
	local origin, stanza = event.origin, event.stanza;
	if refused(origin, stanza) then return true; end
	local answer = st.reply(stanza):tag("sessions", { xmlns = xmlns });
	for asked in stanza:get_child("sessions", xmlns):childtags("session") do
		if not prosody.full_sessions[asked.attr.jid or ""] then
			answer:tag("gone", { jid = asked.attr.jid }):up();
		end
	end
	origin.send(answer);
	return true;
end);

module:hook("iq-set/host/" .. xmlns .. ":disconnect", function (event)
	local origin, stanza = event.origin, event.stanza;
	if refused(origin, stanza) then return true; end
	local request = stanza:get_child("disconnect", xmlns);
	local username, device = request.attr.user, request.attr.device;
	if not username or username == "" then
		origin.send(st.error_reply(stanza, "modify", "bad-request", "Name the account in the attribute user."));
		return true;
	end
	local at, entry = now(), key(username, device);
	recent[entry] = at;
	timer.add_task(remember_seconds, function () forget(entry, at); end);
	local count = end_sessions(username, device);
	module:log("info", "Ended %d sessions of %s", count, username);
	origin.send(st.reply(stanza):tag("disconnected", { xmlns = xmlns, count = tostring(count) }));
	return true;
end);
