// For workerd: a request per case.
import * as library from "relay-edge";
import * as stores from "relay-edge/stores";
import { openSuite } from "../neutral/suite.mjs";

const suite = openSuite({ library, stores });

export default {
  async fetch(request) {
    const { name, ...where } = await request.json();
    return Response.json(await suite.run(name, where));
  },
};
