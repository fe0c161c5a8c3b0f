"""What hosting on Hugging Face needs: the Space's card and requirements, and the command that puts a Space in place.

Never uploaded: on a Space `import spaces` is Hugging Face's own package, which Gradio and ZeroGPU look for.
"""
