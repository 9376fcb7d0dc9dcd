// The site's own API from a page: by the session, with its token against forged requests. What is refused is thrown with
// the API's words.

/** The token of now: signing in again makes a new one. */
export function token() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}

export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.errors?.map((one) => one.message).join(" ") || problem?.detail || gettext("没有办成，请再试一次。"));
    this.status = status;
    this.problem = problem ?? {};
  }
}

export async function api(method, path, body) {
  const headers = { Accept: "application/json", "X-CSRFToken": token() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new Refused(0, { detail: gettext("网络不通，请稍后再试。") });
  }
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}
