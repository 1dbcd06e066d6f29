-- Lets the clinic's threads component keep threads in people's bookmarks (XEP-0402), whether they are online or not, in the
-- form of XEP-0356: <iq to='ACCOUNT'><privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client'>...
--
-- For that one component and that one node only: Debian's mod_privilege grants a whole namespace, which would be every
-- node of everybody, and sends each client an empty message whenever it comes online.

local jid = require "util.jid";
local st = require "util.stanza";

local trusted = assert(module:get_option_string("bedside_threads_host"), "bedside_threads_host is not set");

local xmlns = "urn:xmpp:privilege:2";
local xmlns_forward = "urn:xmpp:forward:0";
local bookmarks = "urn:xmpp:bookmarks:1";

-- What may be asked of the node: every part names it, but for the options of what is published.
local parts = {
	["http://jabber.org/protocol/pubsub"] = {
		get = { items = true };
		set = { publish = true, retract = true, ["publish-options"] = "unnamed" };
	};
	["http://jabber.org/protocol/pubsub#owner"] = {
		get = {};
		set = { configure = true };
	};
};

local function refuse(origin, stanza, type, condition, text)
	origin.send(st.error_reply(stanza, type, condition, text));
	return true;
end

local function allowed(request, type)
	local known = parts[request.attr.xmlns];
	if request.name ~= "pubsub" or not known or #request.tags == 0 then return false; end
	for part in request:childtags() do
		local may = known[type] and known[type][part.name];
		if not may or (may ~= "unnamed" and part.attr.node ~= bookmarks) then return false; end
	end
	return true;
end

module:hook("iq/bare/" .. xmlns .. ":privileged_iq", function (event)
	local origin, stanza = event.origin, event.stanza;
	local account, type = stanza.attr.to, stanza.attr.type;
	if origin.type ~= "component" or stanza.attr.from ~= trusted or not account then
		return refuse(origin, stanza, "auth", "forbidden", "Only the clinic's own server may act for an account.");
	end
	local wrapped = stanza.tags[1].tags[1];
	if not wrapped or wrapped.name ~= "iq" or wrapped.attr.xmlns ~= "jabber:client" or wrapped.attr.type ~= type
		or not wrapped.attr.id or #wrapped.tags ~= 1 or (wrapped.attr.from or account) ~= account then
		return refuse(origin, stanza, "modify", "bad-request", "Wrap one request of the account itself.");
	end
	local request = wrapped.tags[1];
	if not allowed(request, type) then
		return refuse(origin, stanza, "auth", "forbidden", "Only bookmarks may be read and kept for an account.");
	end
	local asked = st.clone(wrapped);
	asked.attr.xmlns, asked.attr.from, asked.attr.to = nil, account, account;
	local acting = { type = "c2s", username = jid.node(account), host = module.host, full_jid = account, log = origin.log };
	function acting.send(answer)
		local copy = st.clone(answer);
		copy.attr.xmlns = "jabber:client";
		origin.send(st.reply(stanza):tag("privilege", { xmlns = xmlns }):tag("forwarded", { xmlns = xmlns_forward }):add_child(copy));
		return true;
	end
	if not module:fire_event("iq/bare/" .. request.attr.xmlns .. ":pubsub", { origin = acting, stanza = asked }) then
		return refuse(origin, stanza, "cancel", "service-unavailable", "There are no bookmarks here.");
	end
	return true;
end);
