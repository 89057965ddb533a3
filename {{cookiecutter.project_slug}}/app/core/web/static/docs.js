// Swagger UI on /docs. It has dark colours, but the page must turn them on.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// The document names the public address. Here, requests go to the address that the browser shows: the security policy
// allows no other.
const spec = await (await fetch("openapi.json")).json();
spec.servers = [{ url: new URL(".", location).href }];

SwaggerUIBundle({
  spec,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
