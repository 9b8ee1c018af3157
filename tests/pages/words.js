// What does a page say, and in which language?
() => ({
  lang: document.documentElement.lang,
  title: document.title,
  headings: [...document.querySelectorAll("h1")].map((heading) => heading.innerText),
  text: document.body.innerText,
})
