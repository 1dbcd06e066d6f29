// A chat app on stanza.js, driven line by line: each line of standard input is a JSON order, each line of output a JSON answer or
// something that the app heard. It keeps what it knows in memory only: who starts it says from where it is to catch up.
import { createInterface } from "node:readline";
import XMPP from "stanza";

const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

let app;
const archiveId = (message, room) => (message.stanzaIds ?? []).find((one) => one.by === room)?.id;

function listen() {
  app.on("groupchat", (message) => {
    const room = message.from.split("/")[0];
    tell({ heard: { id: archiveId(message, room), body: message.body, delayed: Boolean(message.delay), replaces: message.replace } });
  });
  app.on("stream:management:resumed", () => tell({ happened: "resumed" }));
  app.on("session:started", () => tell({ happened: "started" }));
  app.on("disconnected", () => tell({ happened: "disconnected" }));
  app.on("message:error", (message) => tell({ refused: { id: message.id, condition: message.error?.condition, text: message.error?.text } }));
  app.on("muc:invite", (invite) => tell({ happened: "invited", room: invite.room }));
}

// The pages after what is known, oldest first, until the archive says that there are no more.
async function catchUp(room, known, size) {
  const pages = [];
  for (let after = known; ; ) {
    const page = await app.searchHistory(room, { paging: { max: size, after: after ?? undefined } });
    pages.push(page.results.map((result) => ({ id: result.id, body: result.item.message.body, from: result.item.message.from })));
    if (page.complete) return pages;
    after = page.paging.last;
  }
}

const orders = {
  async connect({ jid, password, url }) {
    app = XMPP.createClient({
      jid,
      password,
      allowResumption: true,
      autoReconnect: true,
      maxReconnectBackoff: 1,
      transports: { websocket: url, bosh: false },
    });
    listen();
    await new Promise((resolve, reject) => {
      app.once("session:started", resolve);
      app.once("auth:failed", () => reject(new Error("not let in")));
      app.connect();
    });
    app.sendPresence();
  },
  async bookmarks() {
    return await app.getBookmarks();
  },
  async features({ room }) {
    const info = await app.getDiscoInfo(room);
    return { features: info.features, identities: info.identities };
  },
  async join({ room, nick, history }) {
    return (await app.joinRoom(room, nick, { muc: { type: "join", history: { maxStanzas: history } } })).muc.statusCodes;
  },
  async say({ room, text, id }) {
    app.sendMessage({ to: room, type: "groupchat", body: text, id, originId: id });
  },
  async whisper({ to, text, id }) {
    app.sendMessage({ to, type: "chat", body: text, id });
  },
  async correct({ room, text, id, replaces }) {
    app.sendMessage({ to: room, type: "groupchat", body: text, id, originId: id, replace: replaces });
  },
  // What is offered by command at an address: node → name.
  async offered({ to }) {
    const { items } = await app.getCommands(to);
    return Object.fromEntries((items ?? []).map((item) => [item.node, item.name]));
  },
  // One step of a command; `fields` are submitted as this library writes a form.
  async command({ to, node, session, fields }) {
    const form = fields && { type: "submit", fields: Object.entries(fields).map(([name, value]) => ({ name, value })) };
    const { command } = await app.sendIQ({ to, type: "set", command: { node, sid: session, action: session ? "complete" : "execute", form } });
    return command;
  },
  // The upload service that this library finds by itself, and a place there for a file.
  async slot({ name, size, mediaType }) {
    const service = await app.getUploadService();
    const { upload, download } = await app.getUploadSlot(service.jid, { name, size, mediaType });
    return { service: service.jid, most: service.maxSize, put: upload.url, get: download };
  },
  async catchUp({ room, known, size }) {
    return await catchUp(room, known, size);
  },
  async leave() {
    const gone = new Promise((resolve) => app.once("disconnected", resolve));
    app.config.autoReconnect = false;
    app.disconnect();
    await gone;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...rest } = JSON.parse(line);
  try {
    tell({ done: order, value: (await orders[order](rest)) ?? null });
  } catch (error) {
    tell({ failed: order, condition: error?.error?.condition ?? error?.stanza?.error?.condition ?? String(error?.message ?? error) });
  }
}
process.exit(0);
