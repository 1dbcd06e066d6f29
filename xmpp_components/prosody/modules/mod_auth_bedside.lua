-- Who may log in: asks the web application over loopback HTTP, for device passwords and page tokens alike.
--
-- Owns SASL on this host (PLAIN only, inside TLS) and the session's `bedside_device`. Keeps no password and no answer.
-- Fails closed: no answer within `bedside_auth_timeout` seconds means that nobody gets in.

local async = require "util.async";
local http = require "net.http";
local jid = require "util.jid";
local json = require "util.json";
local promise = require "util.promise";
local stringprep = require "util.encodings".stringprep;
local timer = require "util.timer";
local urlencode = require "util.http".urlencode;

local now = require "util.time".now;

local base_url = assert(module:get_option_string("bedside_web_url"), "bedside_web_url is not set");
local token = assert(module:get_option_string("bedside_internal_token"), "bedside_internal_token is not set");
local time_limit = module:get_option_number("bedside_auth_timeout", 3);

local longest_secret = 512;
local cannot_check = "The clinic's server cannot check passwords right now. Please try again in a minute.";
local refused = "This address and password do not fit, or the device was removed. Create a device password on the page under Account, Devices.";

-- Asks the web application; must run inside a runner. Returns the decoded answer, or nil and a reason.
local function ask(path, body)
	local options = {
		method = body and "POST" or "GET";
		body = body and json.encode(body);
		headers = {
			["Authorization"] = "Bearer " .. token;
			["Content-Type"] = "application/json";
			["Accept"] = "application/json";
			["Connection"] = "close";
		};
		suppress_url = true;
	};
	-- net.http's own promise keeps the reason of a connection that failed to itself.
	local request = promise.new(function (resolve, reject)
		http.request(base_url .. path, options, function (content, code, response)
			if code == 0 then reject(content); else resolve(response); end
		end);
	end);
	local limit = promise.new(function (_, reject)
		timer.add_task(time_limit, function () reject("no answer in time"); end);
	end);
	local response, err = async.wait_for(promise.race({ request, limit }));
	if not response then return nil, tostring(err); end
	if response.code ~= 200 then return nil, "status " .. tostring(response.code); end
	local answer = json.decode(response.body);
	if type(answer) ~= "table" then return nil, "unreadable answer"; end
	return answer;
end

-- Splits a SASL PLAIN message (RFC 4616). Returns username and secret, or nil, condition and text.
local function parse_plain(message)
	local authzid, authcid, secret = (message or ""):match("^([^%z]*)%z([^%z]+)%z([^%z]+)$");
	if not authzid then return nil, "malformed-request", "The log-in message is broken."; end
	local username = stringprep.nodeprep(stringprep.saslprep(authcid) or "");
	if not username or username == "" or #secret > longest_secret then
		return nil, "not-authorized", refused;
	end
	if authzid ~= "" and jid.prep(authzid) ~= jid.join(username, module.host) then
		return nil, "invalid-authzid", "Nobody can act for somebody else here.";
	end
	return username, secret;
end

-- Returns the SASL outcome of one attempt, and marks the session with its device.
local function check(session, username, secret)
	local started = now();
	local answer, problem = ask("/internal/xmpp/check", { user = username, secret = secret, ip = session.ip });
	if not answer then
		module:log("warn", "Password check impossible: %s", problem);
		return "failure", "temporary-auth-failure", cannot_check;
	end
	if answer.ok ~= true or type(answer.device) ~= "string" or answer.device == "" then
		local wait = tonumber(answer.wait);
		if wait and wait > 0 then
			return "failure", "not-authorized", ("Too many failed attempts. Please wait %d seconds."):format(math.ceil(wait));
		end
		return "failure", "not-authorized", refused;
	end
	session.bedside_device = answer.device;
	session.bedside_checked_at = started;
	return "success";
end

local handler = {};
handler.__index = handler;

local function new_handler(session)
	return setmetatable({ session = session, mechs = { PLAIN = true } }, handler);
end

function handler:mechanisms() return { PLAIN = true }; end
function handler:clean_clone() return new_handler(self.session); end

function handler:select(mechanism)
	if self.selected or mechanism ~= "PLAIN" then return nil; end
	self.selected = mechanism;
	return true;
end

function handler:process(message)
	local username, secret, text = parse_plain(message);
	if not username then return "failure", secret, text; end
	local status, condition, words = check(self.session, username, secret);
	if status == "success" then self.username = username; end
	return status, condition, words;
end

local provider = {};

function provider.get_sasl_handler(session) return new_handler(session); end

function provider.test_password() return nil, "Passwords are checked at log-in only."; end
function provider.get_password() return nil, "Passwords are not readable."; end
function provider.set_password() return nil, "Device passwords are created and removed on the page."; end
function provider.create_user() return nil, "Accounts are created on the page."; end
function provider.delete_user() return nil, "Accounts are changed on the page."; end

-- A stanza of our own component is handled outside any runner, where nothing can wait: it knows whom it writes to.
function provider.user_exists(username)
	if not async.ready() then return true; end
	local answer, problem = ask("/internal/xmpp/exists?user=" .. urlencode(username));
	if not answer then
		module:log("warn", "Existence check impossible: %s", problem);
		return nil, "unknown";
	end
	return answer.exists == true;
end

module:provides("auth", provider);
