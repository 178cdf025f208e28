"""What the demonstration shows of a photo, and the page that shows it.

views: a photo and settings in; the faces, crops and what each stage left out, as pictures.
page: the page in the browser, of gradio.
serving: that page on a port, which asks no other host for anything.
"""
