-- Nothing passes between accounts: a client reaches its own account, this server and the clinic's threads, nothing else.
--
-- Otherwise account-to-account chat would be a way past the record. Also refuses presence subscriptions, and drops
-- at the recipient whatever should still come from another account (another module's mistake).

local jid = require "util.jid";
local st = require "util.stanza";

local threads_host = assert(module:get_option_string("bedside_threads_host"), "bedside_threads_host is not set");

local not_here = "People are reached in their threads only. Open the thread, or start one on the page.";
local no_contacts = "There are no contacts to subscribe to here: presence is shown inside threads.";
local subscription_types = { subscribe = true, subscribed = true, unsubscribe = true, unsubscribed = true, probe = true };

local function refuse(origin, stanza, condition, text)
	local kind = stanza.attr.type;
	if kind ~= "error" and kind ~= "result" then
		origin.send(st.error_reply(stanza, "cancel", condition, text));
	end
	return true;
end

local function reachable(origin, to)
	if not to then return true; end
	local node, host = jid.split(to);
	if host == threads_host then return true; end
	return host == module.host and (node == nil or node == origin.username);
end

module:hook("pre-stanza", function (event)
	local origin, stanza = event.origin, event.stanza;
	if not reachable(origin, stanza.attr.to) then
		event.reason = "between accounts";
		return refuse(origin, stanza, "not-allowed", not_here);
	end
	if stanza.name == "presence" and subscription_types[stanza.attr.type] then
		event.reason = "subscription";
		return refuse(origin, stanza, "not-allowed", no_contacts);
	end
end, 1000);

local function from_another_account(event)
	local stanza = event.stanza;
	local to_node = jid.split(stanza.attr.to or jid.join(event.origin.username, event.origin.host));
	local from_node, from_host = jid.split(stanza.attr.from);
	if from_host == module.host and from_node and to_node and from_node ~= to_node then
		module:log("warn", "Dropped a %s from one account to another", stanza.name);
		return true;
	end
end

for _, name in ipairs({ "message", "presence", "iq" }) do
	module:hook(name .. "/full", from_another_account, 1000);
	module:hook(name .. "/bare", from_another_account, 1000);
end
