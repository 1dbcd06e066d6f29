-- The WebSocket is for the clinic's own pages: a browser that comes from anywhere else is refused.

local server = require "net.http.server";

local origins = module:get_option_set("bedside_origins", {});

local function check(event)
	local origin = event.request.headers.origin;
	if origin and not origins:contains(origin) then
		module:log("info", "Refused a WebSocket of another site");
		return 403;
	end
end

-- The XMPP server offers the WebSocket for every name it is called by, and once more for each of its hosts.
for _, host in ipairs({ "", module.host }) do
	for _, path in ipairs({ "/xmpp-websocket", "/xmpp-websocket/" }) do
		module:hook_object_event(server, "GET " .. host .. path, check, 100);
	end
end
