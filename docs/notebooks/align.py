# %% [markdown]
# # Align and crop
