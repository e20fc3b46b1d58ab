// For edge-runtime, which has `addEventListener` and no default export: a request per case.
import * as library from "relay-edge";
import * as stores from "relay-edge/stores";
import { openSuite } from "../neutral/suite.mjs";

const suite = openSuite({ library, stores });

async function answer(request) {
  const { name, ...where } = await request.json();
  return Response.json(await suite.run(name, where));
}

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
