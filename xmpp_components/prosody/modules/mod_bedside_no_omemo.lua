-- Refuses OMEMO keys: the clinic keeps the record, so messages cannot be hidden from it. Without keys, clients do not offer it.

local st = require "util.stanza";

local xmlns_pubsub = "http://jabber.org/protocol/pubsub";
local words = "OMEMO encryption is not available here: the clinic must keep the record. The connection itself is encrypted. "
	.. "Please switch OMEMO off for this account.";

local prefixes = { "eu.siacs.conversations.axolotl", "urn:xmpp:omemo:" };

local function is_omemo(node)
	for _, prefix in ipairs(prefixes) do
		if node and node:sub(1, #prefix) == prefix then return true; end
	end
	return false;
end

local function refuse_keys(event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type ~= "c2s" or stanza.attr.type ~= "set" then return; end
	for part in stanza.tags[1]:childtags() do
		if (part.name == "publish" or part.name == "create" or part.name == "configure") and is_omemo(part.attr.node) then
			origin.send(st.error_reply(stanza, "cancel", "not-allowed", words));
			return true;
		end
	end
end

module:hook("iq/bare/" .. xmlns_pubsub .. ":pubsub", refuse_keys, 100);
module:hook("iq/bare/" .. xmlns_pubsub .. "#owner:pubsub", refuse_keys, 100);
