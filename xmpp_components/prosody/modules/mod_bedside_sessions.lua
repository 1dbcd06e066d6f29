-- Ends sessions of a revoked device or a deactivated account, live and hibernating (XEP-0198) alike.
--
-- The threads component asks on its own stream:
--   <iq type='set' to='HOST'><disconnect xmlns='urn:bedside:server:1' user='HANDLE' device='UID'/></iq>
-- without `device`: every session of the account. The answer carries how many were ended.

local now = require "util.time".now;
local st = require "util.stanza";
local timer = require "util.timer";

local xmlns = "urn:bedside:server:1";
local trusted = assert(module:get_option_string("bedside_threads_host"), "bedside_threads_host is not set");
local reason = { condition = "not-authorized", text = "This device was revoked" };
local remember_seconds = 30;

-- Every session that passed log-in, also those that have no resource yet.
local sessions = setmetatable({}, { __mode = "k" });

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

module:hook("authentication-success", function (event)
	local session = event.session;
	sessions[session] = true;
	if revoked_meanwhile(session) then
		timer.add_task(0, function () session:close(reason); end);
	end
end);

-- A resumed session goes on with the device that logged in now.
module:hook("smacks-hibernation-end", function (event)
	local session, resumed = event.origin, event.resumed;
	resumed.bedside_device, resumed.bedside_checked_at = session.bedside_device, session.bedside_checked_at;
	sessions[session], sessions[resumed] = nil, true;
end);

local function end_sessions(username, device)
	local found = {};
	for session in pairs(sessions) do
		if not session.destroyed and session.username == username and (not device or session.bedside_device == device) then
			found[#found + 1] = session;
		end
	end
	for _, session in ipairs(found) do
		sessions[session] = nil;
		session:close(reason);
	end
	return #found;
end

module:hook("iq-set/host/" .. xmlns .. ":disconnect", function (event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type ~= "component" or stanza.attr.from ~= trusted then
		origin.send(st.error_reply(stanza, "auth", "forbidden", "Only the clinic's own server may end sessions."));
		return true;
	end
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
